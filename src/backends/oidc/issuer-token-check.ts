import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from "jose";
import type { IssuerTokens } from "../../control/enrolment/token-attestor.ts";
import type { Claims } from "../../domain/attestation/claims.ts";
import { tokenAlgorithms } from "../../domain/attestation/token-head.ts";
import type { Clock } from "../../foundation/clock.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { IssuerKeys } from "./issuer-keys.ts";

type Options = {
  readonly issuer: string;
  readonly audience: string;
  readonly skewMs: number;
  readonly keys: IssuerKeys;
  readonly clock: Clock;
};

/** Tokens of one issuer, as RFC 7519 §7.2 and RFC 8725 §3 have them checked. */
export class IssuerTokenCheck implements IssuerTokens {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  async verify(token: string, signal: AbortSignal): Promise<Result<Claims, string>> {
    const { keys } = this.#options;
    const known = await keys.current(false, signal);
    if (!known.ok) return known;
    try {
      return await this.#check(token, known.value);
    } catch (thrown) {
      if (!(thrown instanceof errors.JWKSNoMatchingKey)) return refused(sentenceOf(thrown));
    }
    const fresh = await keys.current(true, signal);
    if (!fresh.ok) return fresh;
    return await this.#check(token, fresh.value).catch((thrown: unknown) => refused(sentenceOf(thrown)));
  }

  async #check(token: string, keySet: JSONWebKeySet): Promise<Result<Claims, string>> {
    const { issuer, audience, skewMs, clock } = this.#options;
    const now = clock.now();
    const { payload } = await jwtVerify(token, createLocalJWKSet(keySet), {
      ...{ issuer, audience },
      algorithms: [...tokenAlgorithms],
      requiredClaims: ["exp", "iat"],
      clockTolerance: skewMs / 1000,
      currentDate: now,
    });
    const isEarly = (payload.iat ?? 0) * 1000 > now.getTime() + skewMs;
    return isEarly ? refused("the token was issued in the future (iat)") : ok(payload);
  }
}

/** For the audit log; jose's own sentences hold nothing of the token. */
function sentenceOf(thrown: unknown): string {
  if (thrown instanceof errors.JWTExpired) return "the token has expired (exp)";
  if (thrown instanceof errors.JWTClaimValidationFailed)
    return `the token's claim ${thrown.claim} is not as it must be: ${thrown.message}`;
  if (thrown instanceof errors.JWKSNoMatchingKey) return "the issuer has no key for this token";
  if (thrown instanceof errors.JOSEError) return `the token does not verify: ${thrown.message}`;
  if (thrown instanceof TypeError || thrown instanceof DOMException)
    return "the issuer's key for this token is not usable";
  throw thrown;
}
