/** Wakes the caller later. Every alarm can be stopped, and none may keep a stopped agent's process alive. */
export interface Alarm {
  /** Calls `wake` once after `delayMs` milliseconds, unless the returned function is called before. */
  after(delayMs: number, wake: () => void): () => void;
}

const longestDelayMs = 2 ** 31 - 1; // what setTimeout takes; longer ones would fire at once

export const systemAlarm: Alarm = {
  after(delayMs, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(delayMs, 0), longestDelayMs));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason when that comes first. */
export function pause(alarm: Alarm, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = alarm.after(delayMs, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    const abort = () => {
      stop();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
  });
}
