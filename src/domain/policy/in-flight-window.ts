export type WindowBounds = {
  /** Leaves that may be under way whatever was measured, and at most. */
  readonly least: number;
  readonly most: number;
  /** Leaves of one batch at most. */
  readonly batch: number;
};

const gain = 3;
/** Before anything was measured: a second of work for a token that carries no more. */
const unlearned = 192;
/** Two ledger commits and a crossing to the token may take this long on a busy machine that is otherwise quick. */
const shortestCommitmentMs = 250;
const longestCommitmentMs = 1000;
const believedForMs = 8000;
const longestProbeMs = 1000;
const probeBatches = 3;

/**
 * How many leaves may be under way behind the queue. Too few and the token waits; too many and it is late for deadlines and urgent
 * leaves when they come, for what is under way is never overtaken. So: what the signer carries in three times the shortest time that a
 * batch lately took, between a quarter of a second and one second of work. That shortest time is looked for anew every eight seconds with
 * a quarter of the window for three batches, since a full window shows only its own delay. (The idea of BBR's model of a path: a rate
 * and a delay that cannot be measured at once.) All times in milliseconds of one clock that only grows.
 */
export class InFlightWindow {
  readonly #bounds: WindowBounds;
  #perSecond: number | undefined;
  #shortestMs = Number.POSITIVE_INFINITY;
  #foundAtMs = 0;
  #probe: { readonly sinceMs: number; shortestMs: number; batches: number } | undefined;
  #usualMs = 0;

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  /** Leaves that may be under way now. */
  get leaves(): number {
    const { least, most } = this.#bounds;
    const whole =
      this.#perSecond === undefined
        ? Math.min(most, unlearned)
        : Math.round((this.#perSecond * this.#commitmentMs) / 1000);
    return Math.min(Math.max(this.#probe ? Math.round(whole / 4) : whole, least), most);
  }

  /** Leaves of the next batch: a third of the window, so that one is prepared and one recorded while one is signed. */
  get batchLeaves(): number {
    return Math.min(this.#bounds.batch, Math.ceil(this.leaves / 3));
  }

  /** What a batch lately took from leaving the queue to its answers; 0 before the first. */
  get usualMs(): number {
    return this.#usualMs;
  }

  carries(perSecond: number | undefined): void {
    this.#perSecond = perSecond;
  }

  /** A batch that began `tookMs` ago was answered. */
  ended(tookMs: number, nowMs: number): void {
    this.#usualMs = this.#usualMs === 0 ? tookMs : this.#usualMs + (tookMs - this.#usualMs) / 8;
    if (this.#probe) this.#whileProbing(this.#probe, { tookMs, nowMs });
    else if (tookMs <= this.#shortestMs) this.#found(tookMs, nowMs);
    else if (nowMs - this.#foundAtMs > believedForMs)
      this.#probe = { sinceMs: nowMs, shortestMs: Number.POSITIVE_INFINITY, batches: 0 };
  }

  #whileProbing(
    probe: { readonly sinceMs: number; shortestMs: number; batches: number },
    { tookMs, nowMs }: { readonly tookMs: number; readonly nowMs: number },
  ): void {
    if (nowMs - tookMs >= probe.sinceMs) {
      probe.shortestMs = Math.min(probe.shortestMs, tookMs);
      probe.batches += 1;
    }
    const isLate = nowMs - probe.sinceMs > longestProbeMs;
    if (probe.batches < probeBatches && !isLate) return;
    this.#probe = undefined;
    this.#found(Math.min(probe.shortestMs, isLate ? tookMs : probe.shortestMs), nowMs);
  }

  #found(shortestMs: number, nowMs: number): void {
    this.#shortestMs = shortestMs;
    this.#foundAtMs = nowMs;
  }

  get #commitmentMs(): number {
    return Math.min(Math.max(gain * this.#shortestMs, shortestCommitmentMs), longestCommitmentMs);
  }
}
