import { minutes, type Seconds, toMs } from "../../foundation/duration.ts";
import type { Admitted, Issued } from "./request.ts";

const longestMs = toMs(minutes(10));
/** Of each of two generations. */
const mostOfGeneration = 10_000;

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

type Kept = { readonly issued: Issued; readonly untilMs: number };

/**
 * What was issued lately, so that a caller whose answer was lost asks again and costs no signature. Only finished
 * issuances are here: a retry that overtakes its first try is issued anew, with a serial number of its own.
 */
export class RetryMemory {
  // Two maps that take turns, rather than one whose oldest is deleted: a Map keeps the places of what was deleted, and looking
  // for its first entry then means walking over thousands of them each time.
  #older: ReadonlyMap<string, Kept> = new Map();
  #newer = new Map<string, Kept>();
  #newerSinceMs = 0;

  recall(key: string, nowMs: number): Issued | undefined {
    const found = this.#newer.get(key) ?? this.#older.get(key);
    return found !== undefined && nowMs < found.untilMs ? found.issued : undefined;
  }

  /** Keeps 10,000 to 20,000, and none for much longer than the longest window. */
  keep(key: string, issued: Issued, { nowMs, windowMs }: { nowMs: number; windowMs: number }): void {
    if (this.#newer.size === 0) this.#newerSinceMs = nowMs;
    if (this.#newer.size >= mostOfGeneration || nowMs - this.#newerSinceMs > longestMs) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#newerSinceMs = nowMs;
    }
    this.#newer.set(key, { issued, untilMs: nowMs + windowMs });
  }
}
