import { minutes, type Seconds, toMs } from "../../foundation/duration.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";

export type Validity = { readonly notBefore: Date; readonly notAfter: Date };

export type ValidityRefusal =
  | { readonly code: "past-issuer"; readonly issuerNotAfter: Date }
  | { readonly code: "before-issuer"; readonly issuerNotBefore: Date };

/** Leaves begin this long before they are made, for peers whose clocks are behind. */
export const leafBackdate: Seconds = minutes(2);

/**
 * A leaf's validity in whole seconds. notAfter is inclusive (RFC 5280 §4.1.2.5), so a lifetime of n seconds from now ends at
 * n − 1. A leaf that would outlive its issuer is refused, never cut short: a caller that plans by the TTL must know.
 */
export function leafValidity(now: Date, ttl: Seconds, issuer: Validity): Result<Validity, ValidityRefusal> {
  const second = Math.floor(now.getTime() / 1000) * 1000;
  const notBefore = new Date(second - toMs(leafBackdate));
  const notAfter = new Date(second + toMs(ttl) - 1000);
  if (notAfter > issuer.notAfter) return refused({ code: "past-issuer", issuerNotAfter: issuer.notAfter });
  if (notBefore < issuer.notBefore)
    return refused({ code: "before-issuer", issuerNotBefore: issuer.notBefore });
  return ok({ notBefore, notAfter });
}

/** How long a certificate is valid, both ends included. */
export const lifetimeMs = ({ notBefore, notAfter }: Validity): number =>
  notAfter.getTime() - notBefore.getTime() + 1000;
