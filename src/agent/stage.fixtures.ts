import type { Clock } from "../foundation/clock.ts";
import type { Alarm } from "./alarm.ts";

/** Time that only moves when told to; alarms ring on the way. For tests. */
export class Stage implements Alarm, Clock {
  nowMs = 1_800_000_000_000;
  readonly #alarms = new Map<number, { at: number; wake: () => void }>();
  #next = 0;

  now(): Date {
    return new Date(this.nowMs);
  }

  after(delayMs: number, wake: () => void): () => void {
    const id = this.#next++;
    this.#alarms.set(id, { at: this.nowMs + Math.max(delayMs, 0), wake });
    return () => void this.#alarms.delete(id);
  }

  get alarms(): number {
    return this.#alarms.size;
  }

  async advance(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.#alarms].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at);
      if (next === undefined) break;
      this.#alarms.delete(next[0]);
      this.nowMs = Math.max(next[1].at, this.nowMs);
      next[1].wake();
      await settle();
    }
    this.nowMs = end;
    await settle();
  }
}

/** Lets everything run that waits for nothing but its turn. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
