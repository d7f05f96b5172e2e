import { minutes, type Seconds, toMs } from "../../foundation/duration.ts";
import type { Admitted, Issued } from "./request.ts";

const longestMs = toMs(minutes(10));
const mostRemembered = 20_000;

/** Ten minutes or a quarter of the lifetime, whichever is less. */
export const retryWindowMs = (ttl: Seconds): number => Math.min(longestMs, toMs(ttl) / 4);

/** Caller, registration as it was, profile, authority and request: if any of these differs it is a new issuance. */
export const retryKey = (order: Admitted, authorityKeyId: string): string =>
  [
    order.caller.id,
    order.spiffeId,
    order.entryId,
    order.entryRevision,
    order.profile.version,
    authorityKeyId,
    order.csrSha256,
  ].join(" ");

/**
 * What was issued lately, so that a caller whose answer was lost asks again and costs no signature. Only finished
 * issuances are here: a retry that overtakes its first try is issued anew, with a serial number of its own.
 */
export class RetryMemory {
  readonly #issued = new Map<string, { readonly issued: Issued; readonly untilMs: number }>();

  recall(key: string, nowMs: number): Issued | undefined {
    const found = this.#issued.get(key);
    return found !== undefined && nowMs < found.untilMs ? found.issued : undefined;
  }

  /** Keeps at most 20,000, forgetting the oldest first and whatever at the front has expired. */
  keep(key: string, issued: Issued, { nowMs, windowMs }: { nowMs: number; windowMs: number }): void {
    this.#issued.delete(key);
    this.#issued.set(key, { issued, untilMs: nowMs + windowMs });
    for (const [oldest, { untilMs }] of this.#issued) {
      if (untilMs > nowMs && this.#issued.size <= mostRemembered) break;
      this.#issued.delete(oldest);
    }
  }
}
