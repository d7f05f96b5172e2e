import { writeSync } from "node:fs";

export type WatchOrder = {
  readonly counter: Int32Array;
  /** Where it is told. */
  readonly descriptor: number;
};

const lookEveryMs = 100;

/**
 * In a thread of its own: while another one stays inside the same call of the module, writes a line ten times a second with the
 * milliseconds for which it has been seen there. That thread can say nothing meanwhile, and nobody could tell a call that is
 * slow but allowed to be from a process that stands still.
 */
export function tellLongCalls({ counter, descriptor }: WatchOrder): void {
  let seen = 0;
  let sinceMs = 0;
  setInterval(() => {
    const now = performance.now();
    const count = Atomics.load(counter, 0);
    if (count !== seen) {
      seen = count;
      sinceMs = now;
    } else if ((count & 1) === 1) writeSync(descriptor, `${Math.round(now - sinceMs)}\n`);
  }, lookEveryMs);
}
