const shortestMs = 250;
const longestMs = 2000;
const samplesKept = 5;
const samplesBelieved = 3;
/** A token that answers nothing is still asked now and then. */
const leastPerSecond = 0.5;

/**
 * How many leaves a second the signer carries, learned from what it carried: from one batch's end to a later one's, over at least a
 * quarter of a second in which work was always waiting. Less than that says how much was asked for, not what could be had.
 * The median of the last five such spans, so that one stall or one lucky span moves nothing, and three make a change believed; before
 * three nothing is: threads and tokens are slow to start.
 * All times in milliseconds of one clock that only grows.
 */
export class LearnedCapacity {
  readonly #samples: number[] = [];
  #fromMs: number | undefined;
  #fromAnEnd = false;
  #served = 0;
  #median: number | undefined;

  /** Leaves per second; undefined until the signer was busy for long enough. */
  get perSecond(): number | undefined {
    return this.#median;
  }

  /** Nothing waits any more: the span that had begun says nothing. */
  idle(): void {
    this.#fromMs = undefined;
  }

  /** A batch of `count` leaves came to its end while others went on waiting. */
  served(count: number, nowMs: number): void {
    const mayHaveStopped = this.#fromMs !== undefined && nowMs - this.#fromMs >= longestMs;
    if (this.#fromMs === undefined || !(this.#fromAnEnd || mayHaveStopped)) {
      this.#begin(nowMs);
      this.#fromAnEnd = true;
      return;
    }
    this.#served += count;
    if (nowMs - this.#fromMs >= shortestMs) this.#close(nowMs);
  }

  /** Called now and then while work waits, so that a token that has stopped is noticed too. */
  tick(nowMs: number): void {
    if (this.#fromMs === undefined) this.#begin(nowMs);
    else if (nowMs - this.#fromMs >= longestMs) this.#close(nowMs);
  }

  #begin(nowMs: number): void {
    this.#fromMs = nowMs;
    this.#fromAnEnd = false;
    this.#served = 0;
  }

  #close(nowMs: number): void {
    const span = nowMs - (this.#fromMs ?? nowMs);
    this.#samples.push(Math.max((this.#served * 1000) / span, leastPerSecond));
    if (this.#samples.length > samplesKept) this.#samples.shift();
    const sorted = this.#samples.toSorted((a, b) => a - b);
    if (sorted.length >= samplesBelieved) this.#median = sorted[Math.floor((sorted.length - 1) / 2)];
    this.#begin(nowMs);
    this.#fromAnEnd = this.#samples.at(-1) !== leastPerSecond;
  }
}
