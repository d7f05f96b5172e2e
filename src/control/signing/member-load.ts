/** How much of each new measurement is believed. */
const weight = 0.2;

/**
 * What one signer carries and how fast it gets it done, learned from its own answers. A batch that was answered after t
 * seconds, with n items of this signer under way when it was sent, says that it does about n items in t; with fewer items
 * than sessions its latency is what was seen, and it would have done one for each session.
 */
export class MemberLoad {
  /** Items sent and not answered. */
  outstanding = 0;
  /** Start of each batch under way, in milliseconds of a monotonic clock; the oldest first. */
  readonly #startedMs = new Map<symbol, number>();
  #perMs: number | undefined;

  begin(items: number, nowMs: number): { end(signed: number, nowMs: number, sessions: number): void } {
    const batch = Symbol("batch");
    this.outstanding += items;
    this.#startedMs.set(batch, nowMs);
    const underWay = this.outstanding;
    return {
      end: (signed, endMs, sessions) => {
        this.outstanding -= items;
        this.#startedMs.delete(batch);
        // A signer that refuses everything at once must not look like a fast one.
        if (signed < items) return;
        const seen = Math.max(underWay, sessions) / Math.max(endMs - nowMs, 0.1);
        this.#perMs = this.#perMs === undefined ? seen : this.#perMs + weight * (seen - this.#perMs);
      },
    };
  }

  /** Items a second, as learned; undefined until something was signed. */
  get perSecond(): number | undefined {
    return this.#perMs === undefined ? undefined : this.#perMs * 1000;
  }

  /** Milliseconds until so many more items would be done; `typicalPerMs` stands in for what was not learned yet. */
  expectedWaitMs(items: number, typicalPerMs: number): number {
    return (this.outstanding + items) / (this.#perMs ?? typicalPerMs);
  }

  /** Age of the oldest batch under way; 0 when none is. */
  oldestMs(nowMs: number): number {
    const [oldest] = this.#startedMs.values();
    return oldest === undefined ? 0 : nowMs - oldest;
  }
}
