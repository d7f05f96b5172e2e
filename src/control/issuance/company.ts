export type Standing = {
  /** Tickets that wait, and those of a full batch. */
  readonly waiting: number;
  readonly full: number;
  /** Batches under way, and their tickets. */
  readonly underWay: number;
  readonly leavesUnderWay: number;
  /** What a batch lately took, in milliseconds. */
  readonly usualMs: number;
};

/** One is prepared and one recorded while one is signed: with three under way no stage is without work. */
const enough = 3;
const longestMs = 20;
/**
 * A quarter of all that there are is company enough: then one batch is prepared and one recorded, whose callers come back with their
 * next, while two are signed. A batch of half of them left a token of 5 ms without work for a tenth of the time.
 */
const enoughShare = 1 / 4;
/** From this many leaves on a batch's own cost is little beside theirs. */
const enoughLeaves = 64;

/**
 * How long the next batch waits for company, unless it has enough. A moment while nothing is under way: whoever asks at the same
 * time is then in it. The more is under way the less a batch more would make anything quicker, and it costs what every batch
 * costs: it waits a sixth of what a batch takes for each of them, at most half of it, and never above 20 ms. (The idea of RFC
 * 896: what is under way says when the next is due.) All times in milliseconds of one clock that only grows.
 */
export class Company {
  readonly #momentMs: number;
  /** Since when the next batch is forming. */
  #sinceMs = 0;

  constructor(momentMs: number) {
    this.#momentMs = momentMs;
  }

  /** One more waits; with it there are so many. */
  joined(waiting: number, nowMs: number): void {
    if (waiting === 1) this.#sinceMs = nowMs;
  }

  /** A batch went: who was left behind is of the next. */
  went(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** In how many milliseconds the next batch is due; none or less: now. */
  dueInMs({ waiting, full, underWay, leavesUnderWay, usualMs }: Standing, nowMs: number): number {
    const share = (waiting + leavesUnderWay) * enoughShare;
    if (waiting >= Math.min(full, Math.max(share, enoughLeaves))) return 0;
    const busyMs = (Math.min(underWay / enough, 1) * Math.min(usualMs, 2 * longestMs)) / 2;
    return this.#sinceMs + Math.max(this.#momentMs, busyMs) - nowMs;
  }
}
