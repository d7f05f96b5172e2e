import { readFile } from "node:fs/promises";
import type { NodeProof, Proof } from "../../agent/node/node-proof.ts";
import { longestToken } from "../../domain/attestation/token-head.ts";
import { Fault } from "../../foundation/fault.ts";

/** Proves the node by a token that something else keeps fresh in a file, as Kubernetes does with a projected one: read anew each time. */
export class TokenFileProof implements NodeProof {
  readonly attestor: "oidc" | "k8s_psat";
  readonly #file: string;

  constructor(attestor: "oidc" | "k8s_psat", file: string) {
    this.attestor = attestor;
    this.#file = file;
  }

  async begin(): Promise<Proof> {
    const text = await readFile(this.#file, "utf8").catch((cause: Error) => {
      throw this.#invalid(`cannot be read: ${cause.message}`);
    });
    const token = text.trim();
    if (token === "" || token.length > longestToken)
      throw this.#invalid(`holds no token of 1 to ${longestToken} characters`);
    return { payload: new TextEncoder().encode(token) };
  }

  #invalid(reason: string): Fault {
    return new Fault("CONFIG_INVALID", `nodeAttestation: the token file ${this.#file} ${reason}`);
  }
}
