import { Fault } from "./fault.ts";

/**
 * Runs `work` with a signal that aborts after `limitMs` milliseconds or when `parent` does, whichever comes first.
 * Deadlines combine and never reset, and the timer is stopped in every case. Rejects with DEADLINE_EXCEEDED through the signal.
 */
export async function withDeadline<T>(
  limitMs: number,
  parent: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new Fault("DEADLINE_EXCEEDED", `no answer in ${limitMs} ms`)),
    limitMs,
  );
  try {
    return await work(AbortSignal.any([parent, deadline.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms` milliseconds, or at once when `signal` aborts: look at the signal afterwards. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });

const callersDeadlines = new WeakMap<AbortSignal, number>();

/** Notes until when the caller behind a signal waits, where its protocol says so: from now, in milliseconds. */
export const noteDeadline = (signal: AbortSignal, inMs: number): void =>
  void callersDeadlines.set(signal, performance.now() + inMs);

/** How long the caller behind this very signal still waits, in milliseconds, never negative; undefined where it did not say. */
export function remainingMs(signal: AbortSignal): number | undefined {
  const atMs = callersDeadlines.get(signal);
  return atMs === undefined ? undefined : Math.max(atMs - performance.now(), 0);
}
