import { X509Certificate } from "node:crypto";
import type { Attestation, NodeAttestation } from "../../agent/node/node-attestation.ts";
import type { NodeProof } from "../../agent/node/node-proof.ts";
import type { IssuedChain } from "../../agent/svids/svid-issuer.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { parseSpiffeId, pathOf, type SpiffeId, trustDomainOf } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { asFault, Fault } from "../../foundation/fault.ts";
import { type AttestOrder, attestOnce } from "./attest-call.ts";
import type { ServerAddress } from "./tls.ts";

export type ProofContactOptions = {
  readonly address: ServerAddress;
  readonly trustDomain: TrustDomain;
  readonly proof: NodeProof;
  /** The roots that the operator gave this node, read anew each time. */
  readonly givenRoots: () => Promise<readonly Der[]>;
};

type Trusted = AttestOrder["trusted"];

/**
 * Attestation by a proof that the node can give again. The server must have its identity under the bundle that the node holds or, where
 * it cannot be reached so, under the roots that the operator gave: they may have been replaced while the node was away.
 */
export class ProofContact implements NodeAttestation {
  readonly isRepeatable = true;
  readonly #options: ProofContactOptions;

  constructor(options: ProofContactOptions) {
    this.#options = options;
  }

  async attest(csr: Der, held: Bundle | undefined, signal: AbortSignal): Promise<Attestation> {
    const given: Trusted = { roots: await this.#options.givenRoots(), lists: [] };
    if (held === undefined) return await this.#attest(csr, given, signal);
    try {
      return await this.#attest(csr, { roots: held.anchors, lists: held.lists }, signal);
    } catch (thrown) {
      if (signal.aborted || asFault(thrown).code !== "SERVER_UNAVAILABLE") throw thrown;
      const isNews = given.roots.some((root) => !held.anchors.some((anchor) => isSame(anchor, root)));
      if (!isNews) throw thrown;
      return await this.#attest(csr, given, signal);
    }
  }

  async #attest(csr: Der, trusted: Trusted, signal: AbortSignal): Promise<Attestation> {
    const { address, trustDomain, proof: nodeProof } = this.#options;
    const { attestor } = nodeProof;
    const proof = await nodeProof.begin(csr);
    const refusal = `the server refused this node's ${attestor} attestation; the server's audit log has the reason`;
    const order = { address, trustDomain, trusted, attestor, proof, csr, refusal };
    const given = await attestOnce(order, signal);
    return { ...given, spiffeId: this.#nodeIdOf(given.issued) };
  }

  /** The server says who the node is, within what an agent of this attestor may be. */
  #nodeIdOf({ chain }: IssuedChain): SpiffeId {
    const { trustDomain, proof } = this.#options;
    const uris = urisOf(chain[0]);
    const id = parseSpiffeId(uris[0] ?? "");
    const isOurs =
      uris.length === 1 &&
      id.ok &&
      trustDomainOf(id.value) === trustDomain &&
      pathOf(id.value).startsWith(`/meshmint/agent/${proof.attestor}/`);
    if (id.ok && isOurs) return id.value;
    throw new Fault("ATTESTATION_FAILED", `the server gave an SVID that is no ${proof.attestor} node's`);
  }
}

function urisOf(leaf: Der | undefined): string[] {
  try {
    const names = new X509Certificate(leaf ?? new Uint8Array()).subjectAltName ?? "";
    return names.split(", ").flatMap((name) => (name.startsWith("URI:") ? name.slice("URI:".length) : []));
  } catch {
    return []; // no certificate: it names nobody
  }
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
