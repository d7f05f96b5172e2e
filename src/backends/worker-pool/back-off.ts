/** Spaces out restarts: the first comes at once, each further one after twice the wait, until something went well. */
export class BackOff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #waitMs = 0;

  constructor(firstMs: number, longestMs: number) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
  }

  next(action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, this.#waitMs);
    this.#timers.add(timer);
    this.#waitMs = this.#waitMs === 0 ? this.#firstMs : Math.min(this.#waitMs * 2, this.#longestMs);
  }

  reset(): void {
    this.#waitMs = 0;
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
