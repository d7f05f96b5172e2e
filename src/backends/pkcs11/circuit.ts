/** So many failures in a row, with the device answering all the while, and the circuit opens. */
const failuresTolerated = 5;
const shortestPauseMs = 100;
const longestPauseMs = 5_000;

/**
 * When to stop asking a token that fails. It opens after five failures in a row; the pause before the next try doubles with
 * each opening that no signature came between. What was closed again by keep-alive calls alone is on probation: a single
 * failure opens it. Nothing is ever signed to find out.
 */
export class Circuit {
  #failures = 0;
  #openings = 0;

  /** Failures since the last signature, or the last quiet period. */
  get failures(): number {
    return this.#failures;
  }

  /** A signature was made. */
  succeeded(): void {
    this.#failures = 0;
    this.#openings = 0;
  }

  /** An operation failed. True: the circuit is open now. */
  failed(): boolean {
    this.#failures += 1;
    return this.#failures >= (this.#openings > 0 ? 1 : failuresTolerated);
  }

  /** The token is given up for now: how long until it is tried again, in milliseconds. */
  open(): number {
    this.#failures = 0;
    this.#openings += 1;
    return Math.min(shortestPauseMs * 2 ** (this.#openings - 1), longestPauseMs);
  }
}
