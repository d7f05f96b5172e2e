import type { Clock, Stopwatch } from "../../foundation/clock.ts";
import { formatDuration, type Seconds, seconds, toMs } from "../../foundation/duration.ts";

type Deps = {
  readonly clock: Clock;
  /** Time since the machine started, its sleep included. */
  readonly sinceBoot: Stopwatch;
  /** What the barriers allow clocks to differ by. */
  readonly maxClockSkew: Seconds;
  /** Told once for each time that the clock is found ahead. */
  readonly onAhead: (sentence: string) => void;
};

/** The finest that two readings of different clocks can be told apart by. */
const finestMs = 1000;

/**
 * Whether the time of day has jumped ahead since this was made. To a clock that is ahead every certificate is over sooner than to its
 * holder, so that a barrier would open before its time. One that goes back only makes everybody wait.
 */
export class ClockWatch {
  readonly #deps: Deps;
  #offsetMs: number;
  #isTold = false;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#offsetMs = this.#offset();
  }

  /** Why no step may be taken, as a sentence; undefined while the clock is where it should be. */
  ahead(): string | undefined {
    const aheadMs = this.#aheadMs();
    if (aheadMs <= Math.max(toMs(this.#deps.maxClockSkew), finestMs)) {
      this.#isTold = false;
      return undefined;
    }
    const far = formatDuration(seconds(Math.round(aheadMs / 1000)));
    const why = `this server's clock has jumped ahead by ${far}: no step is taken until it is back where it was`;
    const sentence = `${why}, or somebody who has looked at it says \`meshmint rotation resume\``;
    if (!this.#isTold) this.#deps.onAhead(sentence);
    this.#isTold = true;
    return sentence;
  }

  /** The clock is right as it is now. True when it had been found ahead. */
  trust(): boolean {
    const wasAhead = this.ahead() !== undefined;
    this.#offsetMs = this.#offset();
    return wasAhead;
  }

  /** A clock that was set back was wrong before: what it gains from there is a jump again. */
  #aheadMs(): number {
    const offsetMs = this.#offset();
    this.#offsetMs = Math.min(this.#offsetMs, offsetMs);
    return offsetMs - this.#offsetMs;
  }

  #offset(): number {
    const { clock, sinceBoot } = this.#deps;
    return clock.now().getTime() - sinceBoot.ms();
  }
}
