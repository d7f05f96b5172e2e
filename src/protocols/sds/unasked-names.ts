import { type Seconds, toMs } from "../../foundation/duration.ts";

/** Names that a process no longer has a stream for, each watched until it has been so for a while. */
export class UnaskedNames {
  readonly #wait: Seconds;
  readonly #waited: (name: string) => void;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(wait: Seconds, waited: (name: string) => void) {
    this.#wait = wait;
    this.#waited = waited;
  }

  /** The wait begins now, again if it had begun. */
  watch(name: string): void {
    clearTimeout(this.#timers.get(name));
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      this.#waited(name);
    }, toMs(this.#wait));
    this.#timers.set(name, timer);
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
