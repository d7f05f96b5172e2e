/** How much was left of what a phase waits for, at one moment. */
export type Look = { readonly atMs: number; readonly left: number };

/** How fast it gets less: what was seen between the first and the last look of a window. */
export type Pace = { readonly perSecond: number; readonly overMs: number; readonly passed: number };

/** Longer ago says little about now: agents replace certificates within a spread, laggards stay. */
const windowMs = 60_000;
/** Two looks closer together than this measure the moment, not the pace. */
const shortestMs = 900;
/** What an end is told from: of one certificate that was replaced nobody knows when the next one will be. */
const leastEvidence = { passed: 5, overMs: 3000 };

/** The looks that `paceOf` needs with one more of them: those of the window. */
export const withLook = (looks: readonly Look[], look: Look): readonly Look[] => [
  ...looks.filter(({ atMs }) => atMs >= look.atMs - windowMs && atMs < look.atMs),
  look,
];

/** Undefined while there are not two looks far enough apart. Never below 0: what comes back is no progress. */
export function paceOf(looks: readonly Look[]): Pace | undefined {
  const [first] = looks;
  const last = looks.at(-1);
  if (!first || !last || last.atMs - first.atMs < shortestMs) return undefined;
  const overMs = last.atMs - first.atMs;
  const passed = Math.max(0, first.left - last.left);
  return { perSecond: (passed * 1000) / overMs, overMs, passed };
}

/** What a phase waits for, and what is known of its end. Times are milliseconds since 1970. */
export type Waiting = {
  readonly nowMs: number;
  readonly left: number;
  readonly pace: Pace | undefined;
  /** It does not end sooner, whoever passes: from then on every clock finds the new certificates valid. */
  readonly notBeforeMs: number | undefined;
  /** Nobody is waited for longer, whoever stays behind: what they have is over then. */
  readonly latestMs: number | undefined;
  /** Nor sooner than this, where somebody is waited for: until then cohorts have to soak. */
  readonly soaksEndMs: number | undefined;
};

/**
 * When a phase ends, as far as something known says so. `clock`: nothing but time is waited for. `pace`: if the rest goes as
 * fast as what was seen, where enough was. `latest`: no pace, but an end by expiry. `unknown`: it is for others to do, and nothing shows when.
 * `soaksEndMs`: not before that, because cohorts soak; undefined where none does, or the end by expiry is sooner.
 */
export type EstimatedEnd =
  | { readonly by: "clock"; readonly atMs: number }
  | (Soaking & {
      readonly by: "pace";
      readonly atMs: number;
      readonly pace: Pace;
      readonly latestMs: number | undefined;
    })
  | (Soaking & { readonly by: "latest"; readonly latestMs: number })
  | (Soaking & { readonly by: "unknown" });

type Soaking = { readonly soaksEndMs: number | undefined };

export function estimateEnd({ nowMs, left, pace, notBeforeMs, latestMs, ...soaking }: Waiting): EstimatedEnd {
  const clocksMs = Math.max(nowMs, notBeforeMs ?? 0);
  if (left === 0) return { by: "clock", atMs: clocksMs };
  const isOver = latestMs !== undefined && latestMs <= (soaking.soaksEndMs ?? 0);
  const soaksEndMs = isOver ? undefined : soaking.soaksEndMs;
  const soonestMs = Math.max(clocksMs, soaksEndMs ?? 0);
  if (pace && pace.passed >= leastEvidence.passed && pace.overMs >= leastEvidence.overMs) {
    const atMs = Math.max(soonestMs, Math.ceil(nowMs + (left / pace.perSecond) * 1000));
    // A pace that fades says nothing about the last ones; expiry does.
    if (latestMs === undefined || atMs < latestMs) return { by: "pace", atMs, pace, latestMs, soaksEndMs };
  }
  return latestMs === undefined ? { by: "unknown", soaksEndMs } : { by: "latest", latestMs, soaksEndMs };
}
