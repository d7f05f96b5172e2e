/** One timer that is only ever set to sooner than it was. Times in milliseconds of one clock that only grows. */
export class StartTimer {
  readonly #fire: () => void;
  #timer: NodeJS.Timeout | undefined;
  #atMs = 0;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  in(ms: number, nowMs: number): void {
    if (this.#timer !== undefined && nowMs + ms >= this.#atMs) return;
    clearTimeout(this.#timer);
    this.#atMs = nowMs + ms;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#fire();
    }, ms);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
