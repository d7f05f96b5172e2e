/** How many leaves are between naming their authority and their end, by authority: what must drain before it retires. */
export class InFlight {
  readonly #counts = new Map<string, number>();
  #waiting: { readonly keyId: string; readonly resolve: () => void }[] = [];

  enter(keyId: string, leaves: number): void {
    this.#counts.set(keyId, this.count(keyId) + leaves);
  }

  leave(keyId: string, leaves: number): void {
    const left = this.count(keyId) - leaves;
    if (left > 0) {
      this.#counts.set(keyId, left);
      return;
    }
    this.#counts.delete(keyId);
    for (const waiter of this.#waiting) if (waiter.keyId === keyId) waiter.resolve();
    this.#waiting = this.#waiting.filter((waiter) => waiter.keyId !== keyId);
  }

  count(keyId: string): number {
    return this.#counts.get(keyId) ?? 0;
  }

  /** Resolves when nothing is under way below this authority; rejects with the signal's reason. */
  async drained(keyId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.count(keyId) === 0) return;
    await new Promise<void>((resolve, reject) => {
      const waiter = { keyId, resolve: () => done(resolve) };
      const abort = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        done(() => reject(signal.reason));
      };
      const done = (settle: () => void) => {
        signal.removeEventListener("abort", abort);
        settle();
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiter);
    });
  }
}
