import type { Metrics } from "./metrics.ts";

const everyMs = 10;

/**
 * Measures how late the event loop of this thread is: a timer every 10 ms, and by how much each came too late. Everything that
 * serves streams waits as long. Returns what stops it.
 */
export function watchEventLoopDelay(metrics: Metrics): () => void {
  const delays = metrics.delays("event_loop_delay_seconds", "How late timers are: what every stream waits");
  let due = performance.now() + everyMs;
  const timer = setInterval(() => {
    const now = performance.now();
    delays.observe(Math.max(0, now - due) / 1000);
    due = now + everyMs;
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
