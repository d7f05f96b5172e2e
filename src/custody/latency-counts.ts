/** Upper bounds of the buckets in milliseconds; the last bucket has none. */
const latencyBoundsMs: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000,
];

/** How long operations took, counted in buckets: what a histogram needs, at the cost of one addition. */
export class LatencyCounts {
  /** One for each bound, and one for what took longer. */
  readonly counts: number[] = new Array(latencyBoundsMs.length + 1).fill(0);
  sumMs = 0;

  add(tookMs: number): void {
    let at = 0;
    while (at < latencyBoundsMs.length && tookMs > (latencyBoundsMs[at] ?? 0)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sumMs += tookMs;
  }
}
