import type { Bundle } from "./bundle.ts";
import { type CohortTurn, countCohorts } from "./cohorts.ts";
import type { Distributing, Reissuing, Rotation } from "./rotation.ts";

/** Phases in which cohorts have their turns. */
export type Handing = Distributing | Reissuing;

/** The cohorts that are still to come, none where there are no cohorts. */
export const cohortsToCome = ({ plan, turn }: Handing): number =>
  plan.cohorts && turn ? countCohorts(plan.cohorts) - turn.opened : 0;

/** Everybody whose turn it is and who can be reached has taken what is handed out: from now on it soaks. */
export const cohortThrough = <R extends Handing>(rotation: R, turn: CohortTurn, at: Date): R => ({
  ...rotation,
  turn: { ...turn, throughAt: at },
});

/** The next cohort's turn. */
export const openCohort = <R extends Handing>(rotation: R, turn: CohortTurn, at: Date): R => ({
  ...rotation,
  turn: { ...turn, opened: turn.opened + 1, openedAt: at, throughAt: undefined },
});

/** The bundle of a cohort whose turn to have the new one has not come; undefined for any other. */
export function heldBackBundle(rotation: Rotation, cohort: number): Bundle | undefined {
  const isWithin = rotation.phase === "distributing" || rotation.phase === "rolling-back";
  return isWithin && rotation.turn && cohort >= rotation.turn.opened ? rotation.turn.heldBack : undefined;
}

/** Whether a cohort is not to replace what it has before its time. */
export const isReissueHeldBack = (rotation: Rotation, cohort: number): boolean =>
  rotation.phase === "reissuing" && rotation.turn !== undefined && cohort >= rotation.turn.opened;
