import type { Der } from "../../domain/certificate/der.ts";

/** One attestation's proof. */
export type Proof = {
  /** What the server's attestor is shown first. */
  readonly payload: Uint8Array;
  /** Answers its challenge; undefined where the proof is whole without one. */
  readonly answer?: ((challenge: Uint8Array) => Uint8Array) | undefined;
};

/** How this node proves itself, again and again: one file each. */
export interface NodeProof {
  /** The server's name for the attestor, which is a segment of the agent's SPIFFE ID. */
  readonly attestor: string;
  /** Reads what it needs afresh, since certificates and tokens are replaced. Rejects with CONFIG_INVALID where it cannot. */
  begin(csr: Der): Promise<Proof>;
}
