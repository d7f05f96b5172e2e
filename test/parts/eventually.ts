import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks again every 20 ms until there is an answer other than undefined or false, and gives it. Fails after `limitMs`
 * (default 20,000) with what was waited for. A thrown error ends it at once.
 */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  limitMs = 20_000,
): Promise<Exclude<T, undefined | false>> {
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>;
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await pause(20);
  }
}
