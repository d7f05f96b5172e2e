import type { Der } from "../../domain/certificate/der.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Result } from "../../foundation/result.ts";

/** A key made on this node, and the request that proves we hold it. */
export type NewKey = {
  /** PKCS#8 DER, unencrypted. */
  readonly privateKey: Uint8Array;
  readonly csr: Der;
};

export type LeafFacts = { readonly serial: string; readonly notBefore: Date; readonly notAfter: Date };

/** A chain that came for a key of ours, and what it must fit. */
export type ChainClaim = {
  readonly chain: readonly Der[];
  readonly privateKey: Uint8Array;
  readonly spiffeId: SpiffeId;
  readonly anchors: readonly Der[];
  readonly now: Date;
};

export interface LeafKeys {
  make(signal: AbortSignal): Promise<NewKey>;
  /**
   * Checks all that a TLS library would check before it takes the chain: our key, exactly this SPIFFE ID, not a CA,
   * valid now, each certificate signed by the next, and the last one under an anchor. Refuses with a sentence.
   */
  check(claim: ChainClaim): Result<LeafFacts, string>;
}
