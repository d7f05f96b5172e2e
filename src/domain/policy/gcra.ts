/** How often something may happen: on average once per `intervalMs`, and up to `burst` times at once. */
export type Rate = { readonly intervalMs: number; readonly burst: number };

export type GcraVerdict =
  | { readonly ok: true; readonly due: number }
  | { readonly ok: false; readonly retryAfterMs: number };

/**
 * One step of the generic cell rate algorithm (ITU-T I.371 Annex A): the whole state is one moment, at which the account
 * would be level again. `due` is what the last accepted step gave, or undefined for none; all times in milliseconds.
 */
export function gcra(due: number | undefined, nowMs: number, rate: Rate): GcraVerdict {
  const level = Math.max(due ?? nowMs, nowMs);
  const early = level - nowMs - rate.intervalMs * (rate.burst - 1);
  if (early > 0) return { ok: false, retryAfterMs: Math.ceil(early) };
  return { ok: true, due: level + rate.intervalMs };
}
