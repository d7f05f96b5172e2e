import { sha256Hex } from "../../foundation/digest.ts";
import type { Der } from "../certificate/der.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";

/** What verifiers in one trust domain are given. SPIFFE Trust Domain and Bundle §4. */
export type Bundle = {
  readonly trustDomain: TrustDomain;
  /** Rises by one with each change of content, never back. SPIFFE Trust Domain and Bundle §4.1.1. */
  readonly sequence: number;
  /** Self-signed roots, newest first: Envoy before its #47405 hashes only the first into the session ID. */
  readonly anchors: readonly Der[];
  /**
   * Revocation lists: none, or a complete set, one of each issuer in any chain, since a verifier that has one list refuses
   * whatever it has no list of (docs/ceremony.md).
   */
  readonly lists: readonly Der[];
};

/** All that the bundle consists of, by SHA-256 in hexadecimal: anchors, then lists. What a holder accepts is told by these. */
export const partNames = ({ anchors, lists }: Bundle): string[] => [...anchors, ...lists].map(sha256Hex);
