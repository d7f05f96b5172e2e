export type Standing = {
  /** Tickets that wait, and those of a full batch. */
  readonly waiting: number;
  readonly full: number;
  /** Batches under way. */
  readonly underWay: number;
  /** What a batch lately took, in milliseconds. */
  readonly usualMs: number;
};

/** One is prepared and one recorded while one is signed: with three under way no stage is without work. */
const enough = 3;
const longestMs = 20;

/**
 * How long the next batch waits for company, unless it is full. A moment while a stage may be without work: whoever asks at the
 * same time is then in it. Where enough is under way, a batch more would make nothing quicker and cost what every batch costs: it
 * waits until one has ended, though no longer than half of what a batch takes, and never above 20 ms. (The idea of RFC 896: what
 * is under way says when the next is due.) All times in milliseconds of one clock that only grows.
 */
export class Company {
  readonly #momentMs: number;
  #sinceMs: number | undefined;

  constructor(momentMs: number) {
    this.#momentMs = momentMs;
  }

  joined(nowMs: number): void {
    this.#sinceMs ??= nowMs;
  }

  /** A batch went; `waiting` were left behind. */
  went(waiting: number, nowMs: number): void {
    this.#sinceMs = waiting === 0 ? undefined : nowMs;
  }

  /** In how many milliseconds the next batch is due; none or less: now. */
  dueInMs({ waiting, full, underWay, usualMs }: Standing, nowMs: number): number {
    if (waiting >= full) return 0;
    const busyMs = (Math.min(underWay / enough, 1) * Math.min(usualMs, 2 * longestMs)) / 2;
    return (this.#sinceMs ?? nowMs) + Math.max(this.#momentMs, busyMs) - nowMs;
  }
}
