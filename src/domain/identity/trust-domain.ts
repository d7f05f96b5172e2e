import type { Brand } from "../../foundation/brand.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";

/** A trust domain name such as `mesh.example`; minted only by parseTrustDomain. SPIFFE-ID §2.1. */
export type TrustDomain = Brand<string, "TrustDomain">;

/** Lower-case letters, digits, dots, dashes and underscores, 1 to 255 characters. SPIFFE-ID §2.1, §2.3. */
export function parseTrustDomain(text: string): Result<TrustDomain, string> {
  if (text.length === 0) return refused("the trust domain is empty");
  if (text.length > 255) return refused("the trust domain is longer than 255 characters");
  if (!/^[a-z0-9._-]+$/.test(text)) {
    return refused("a trust domain holds only lower-case letters, digits, dots, dashes and underscores");
  }
  return ok(text as TrustDomain);
}
