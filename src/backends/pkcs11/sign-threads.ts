/** Of the newest signature in the usual time of one. */
const weight = 1 / 8;
/** What takes so many times as long as usual is no longer believed to end soon. */
const muchLonger = 4;

/**
 * The signatures that libuv's pool was given: as many are being made as it has threads, in the order in which they came, and the
 * others wait in line for a thread. A thread that is done takes the next without a word to our own: only so is a token
 * of a few milliseconds never left waiting for it (docs/decisions/0016). Files use the same threads now and then; a
 * signature may begin that much later than is told here.
 */
export class SignThreads {
  readonly #count: number;
  /** When each that is being made began, in milliseconds of the monotonic clock; the oldest first. */
  readonly #beganMs = new Map<symbol, number>();
  readonly #inLine = new Set<symbol>();
  #usualMs = 0;

  /** `count`: threads of the pool. */
  constructor(count: number) {
    this.#count = count;
  }

  /** One more was given to the pool. */
  begin(): symbol {
    const signature = Symbol("signature");
    if (this.#beganMs.size < this.#count) this.#beganMs.set(signature, performance.now());
    else this.#inLine.add(signature);
    return signature;
  }

  /** It ended, well or not: gives how long it was being made, in milliseconds, the time in line left out. */
  end(signature: symbol): number {
    const now = performance.now();
    const beganMs = this.#beganMs.get(signature);
    if (beganMs === undefined) {
      this.#inLine.delete(signature);
      return 0;
    }
    this.#beganMs.delete(signature);
    for (const next of this.#inLine) {
      this.#inLine.delete(next);
      this.#beganMs.set(next, now);
      break;
    }
    const tookMs = now - beganMs;
    this.#usualMs += (tookMs - this.#usualMs) * weight;
    return tookMs;
  }

  /** Milliseconds since the oldest that is being made began; 0 when none is. */
  oldestMs(): number {
    const [oldest] = this.#beganMs.values();
    return oldest === undefined ? 0 : performance.now() - oldest;
  }

  /**
   * How many may be given to it at once: one for each thread, and one more for each to go on with. Behind a token that
   * hangs nothing should stand in line, for it could no longer be told in time that it was not signed.
   */
  get mostGiven(): number {
    return this.oldestMs() <= muchLonger * this.#usualMs ? 2 * this.#count : this.#count;
  }
}
