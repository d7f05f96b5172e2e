import type { Result } from "../../foundation/result.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import type { Issued } from "./request.ts";

export type Outcome = Result<Issued, IssuanceRefusal>;

/** One caller's wait for one outcome. Whatever comes first settles it; what comes later is dropped. */
export class CallerWait {
  readonly promise: Promise<Outcome>;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (cause: unknown) => void;
  readonly hungUp: (wait: CallerWait) => void;
  readonly #waits: Set<CallerWait>;

  /** `hungUp` is called once the signal aborts, after the promise was rejected with its reason. */
  constructor(signal: AbortSignal, hungUp: (wait: CallerWait) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
    this.hungUp = hungUp;
    this.#waits = waitsOn(signal);
    this.#waits.add(this);
  }

  /** It is settled, so the signal concerns it no more. */
  release(): void {
    this.#waits.delete(this);
  }
}

const bySignal = new WeakMap<AbortSignal, Set<CallerWait>>();

/**
 * All that waits on a signal, behind a single listener. A stream has thousands of items under way on one signal, and every
 * addEventListener and removeEventListener walks through all listeners that are there.
 */
function waitsOn(signal: AbortSignal): Set<CallerWait> {
  const known = bySignal.get(signal);
  if (known) return known;
  const waits = new Set<CallerWait>();
  bySignal.set(signal, waits);
  const abort = () => {
    const all = [...waits];
    waits.clear();
    for (const wait of all) {
      wait.reject(signal.reason);
      wait.hungUp(wait);
    }
  };
  signal.addEventListener("abort", abort, { once: true });
  return waits;
}
