import { type Seconds, seconds, toMs } from "../../foundation/duration.ts";
import type { CohortStanding } from "./cohort-progress.ts";
import type { CohortPlan, CohortTurn } from "./cohorts.ts";

/** What cohorts add to a phase in which something is handed out. */
export type Turns = {
  /** Cohorts with somebody in them that still have to have their turn, or have it now. */
  readonly left: number;
  /** For how long each of them but the last has still to soak, all together, if everybody took what there is at once. */
  readonly soak: Seconds;
  /** Since when the present one has its turn; undefined where none has. */
  readonly since: Date | undefined;
};

export const everybodyAtOnce: Turns = { left: 1, soak: seconds(0), since: undefined };

type Peopled = Pick<CohortStanding, "holders">;
type Soak = Pick<CohortPlan, "soak">;

/** Of a phase that is to come: every cohort but the last soaks, and one without holders is passed over. */
export function turnsToCome({ soak }: Soak, cohorts: readonly Peopled[]): Turns {
  const soaking = cohorts.slice(0, -1).filter(hasHolders).length;
  const left = Math.max(1, cohorts.filter(hasHolders).length);
  return { left, soak: seconds(soaking * soak), since: undefined };
}

/** Of the present phase, by how its cohorts stand. */
export function turnsLeft(
  plan: Soak,
  { turn, cohorts, now }: { turn: CohortTurn; cohorts: readonly Peopled[]; now: Date },
): Turns {
  const [current, ...later] = cohorts.slice(turn.opened - 1);
  const since = turn.openedAt;
  if (!current || later.length === 0) return { ...everybodyAtOnce, since };
  const ahead = turnsToCome(plan, later);
  if (!hasHolders(current)) return { ...ahead, since };
  const soaksUntilMs = (turn.throughAt ?? now).getTime() + toMs(plan.soak);
  const own = Math.max(0, Math.ceil((soaksUntilMs - now.getTime()) / 1000));
  return { left: 1 + later.filter(hasHolders).length, soak: seconds(own + ahead.soak), since };
}

const hasHolders = ({ holders }: Peopled): boolean => holders > 0;
