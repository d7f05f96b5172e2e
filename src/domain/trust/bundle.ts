import type { Der } from "../certificate/der.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";

/** The trust anchors of one trust domain: self-signed roots. SPIFFE Trust Domain and Bundle §4. */
export type Bundle = {
  readonly trustDomain: TrustDomain;
  /** Rises by one with each change of content, never back. SPIFFE Trust Domain and Bundle §4.1.1. */
  readonly sequence: number;
  /** Newest root first: Envoy before its #47405 hashes only the first into the session ID. */
  readonly anchors: readonly Der[];
};
