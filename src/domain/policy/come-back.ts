/** Nobody is sent away for longer: what was true of the load then is not worth more. */
export const longestAwayMs = 30_000;

/**
 * When those who were turned away are to come again: one after the other, at the pace at which there will be room. Told the same moment
 * they would all come at once, and all but one be turned away again. Forgets nothing and is never wrong for longer than `longestAwayMs`.
 */
export class ComeBack {
  #lastMs = Number.NEGATIVE_INFINITY;

  /** In how many milliseconds the next one is to come, not before `soonestMs`; one fits in every `intervalMs`. */
  inMs(soonestMs: number, intervalMs: number, nowMs: number): number {
    const atMs = Math.max(nowMs + soonestMs, this.#lastMs + intervalMs);
    if (atMs - nowMs >= longestAwayMs) return longestAwayMs;
    this.#lastMs = atMs;
    return Math.max(Math.ceil(atMs - nowMs), 1);
  }
}
