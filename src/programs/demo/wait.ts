import { setTimeout as pause } from "node:timers/promises";
import { Fault } from "../../foundation/fault.ts";

export type Wait = {
  readonly what: string;
  readonly limitMs: number;
  readonly everyMs?: number;
};

/**
 * Asks until there is no reason left, told as a text; a thrown error is a reason like others (what is asked may not be
 * up yet). Rejects with DEADLINE_EXCEEDED and the last reason.
 */
export async function waitUntil(
  wait: Wait,
  signal: AbortSignal,
  reason: () => Promise<string | undefined>,
): Promise<void> {
  const end = performance.now() + wait.limitMs;
  while (true) {
    signal.throwIfAborted();
    const why = await reason().catch((thrown: unknown) =>
      thrown instanceof Error ? thrown.message : String(thrown),
    );
    if (why === undefined) return;
    if (performance.now() > end) {
      throw new Fault("DEADLINE_EXCEEDED", `${wait.what}: not within ${wait.limitMs / 1000} s (${why})`);
    }
    await pause(wait.everyMs ?? 200, undefined, { signal });
  }
}
