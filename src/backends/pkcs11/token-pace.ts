/** Below this a signature costs less time than handing it to another thread and back is worth. */
const quickMs = 0.4;
/** Signatures by another thread before the first one is tried here: a token proves that it works before it may block. */
const proofs = 32;
/** The same after it was too slow here: a token of 20 ms then stops this thread for less than a hundredth of its time. */
const proofsAfterSlow = 1024;
/** Of the newest signature in the running share of slow ones, which begins so that the very first may settle it. */
const weight = 1 / 8;
const shareAtFirst = 0.45;
const mostSlow = 0.5;

/**
 * Whether signatures are made on the calling thread. A network HSM takes milliseconds, and each signature then belongs in a
 * thread of its own; a token in software answers in a tenth of one, and two switches of threads with their locks cost as
 * much again (measured: docs/performance.md). Told by trying: after a number of signatures elsewhere one is made here and
 * timed, and the next are, too, as long as less than half of them are slow (never by the mean: on a busy machine a thread
 * that has to wait for a processor makes one signature in twenty look slow). One that hangs here is ended as one in
 * C_SignInit is, which never had a thread of its own: by the supervisor, which hears of it from a thread that watches.
 */
export class TokenPace {
  #slowShare = shareAtFirst;
  #elsewhere = 0;
  #proofsNeeded = proofs;

  get isQuick(): boolean {
    return this.#elsewhere >= this.#proofsNeeded && this.#slowShare < mostSlow;
  }

  /** A signature was made by another thread. */
  madeElsewhere(): void {
    this.#elsewhere += 1;
  }

  /** A signature was made here, and took so long. */
  madeHere(tookMs: number): void {
    this.#slowShare += ((tookMs < quickMs ? 0 : 1) - this.#slowShare) * weight;
    if (this.#slowShare < mostSlow) return;
    this.#proofsNeeded = proofsAfterSlow;
    this.failed();
  }

  /** After a failure the token has to prove itself again. */
  failed(): void {
    this.#elsewhere = 0;
    this.#slowShare = shareAtFirst;
  }
}
