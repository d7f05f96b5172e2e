import { gcra, type Rate } from "../../domain/policy/gcra.ts";

/** Ten failures at once, then one every six seconds: a guesser tries 2^256 secrets a little slower than that. */
const perSource: Rate = { intervalMs: 6000, burst: 10 };
const mostSources = 10_000;

/**
 * Slows down whoever keeps failing, by source address. Success costs nothing, so many nodes behind one address join
 * at once; the memory is bounded, and a source that is forgotten begins anew.
 */
export class FailureLimiter {
  readonly #dueBySource = new Map<string, number>();

  /** Milliseconds that this source must wait, or 0. */
  waitMs(source: string, nowMs: number): number {
    const verdict = gcra(this.#dueBySource.get(source), nowMs, perSource);
    return verdict.ok ? 0 : verdict.retryAfterMs;
  }

  failed(source: string, nowMs: number): void {
    const verdict = gcra(this.#dueBySource.get(source), nowMs, perSource);
    if (!verdict.ok) return;
    this.#dueBySource.delete(source); // to the end of the map's order: the first is the one to forget
    this.#dueBySource.set(source, verdict.due);
    const [oldest] = this.#dueBySource.keys();
    if (this.#dueBySource.size > mostSources && oldest !== undefined) this.#dueBySource.delete(oldest);
  }
}
