import { type CohortStanding, isInACohort } from "../../domain/trust/cohort-progress.ts";
import {
  type CohortPlan,
  cohortOf,
  countCohorts,
  type HasLabel,
  nameOfCohort,
} from "../../domain/trust/cohorts.ts";
import type { Holder } from "../../domain/trust/holder.ts";
import { byProcess } from "../../domain/trust/holder-processes.ts";
import type { Rotation } from "../../domain/trust/rotation.ts";
import type { ForecastFacts } from "../../domain/trust/rotation-forecast.ts";
import { everybodyAtOnce, turnsLeft, turnsToCome } from "../../domain/trust/soak-times.ts";

/** One cohort as a plan shows it: who belongs to it by what is known now. */
export type ForeseenCohort = {
  name: string;
  /** done | open | through | to-come */
  state: string;
  nodes: number;
  /** Processes and agents. */
  holders: number;
};

/** How the cohorts of the present phase stand; none where nothing is handed out in turns. */
type Present = readonly CohortStanding[];

/** Every cohort of the plan in order, over whoever still counts. */
export function foreseeCohorts(
  plan: CohortPlan,
  counting: readonly Holder[],
  { hasLabel, present }: { readonly hasLabel: HasLabel; readonly present: Present },
): ForeseenCohort[] {
  const ofNode = Map.groupBy(byProcess(counting.filter(isInACohort)), ([{ agentId }]) => agentId);
  const nodes = Map.groupBy(ofNode, ([agentId]) => cohortOf(plan, agentId, hasLabel));
  return Array.from({ length: countCohorts(plan) }, (_, index) => {
    const own = nodes.get(index) ?? [];
    return {
      name: nameOfCohort(plan, index),
      state: present[index]?.state ?? "to-come",
      nodes: own.length,
      holders: own.reduce((sum, [, processes]) => sum + processes.length, 0),
    };
  });
}

/** What the cohorts add to the two phases in which something is handed out. */
export function foreseeTurns(
  plan: CohortPlan | undefined,
  foreseen: readonly ForeseenCohort[],
  { rotation, present, now }: { readonly rotation: Rotation; readonly present: Present; readonly now: Date },
): ForecastFacts["turns"] {
  // Whoever goes back goes back at once.
  if (!plan || rotation.phase === "rolling-back")
    return { distribute: everybodyAtOnce, reissue: everybodyAtOnce };
  const toCome = turnsToCome(plan, foreseen);
  const turns = { distribute: toCome, reissue: toCome };
  if (rotation.phase !== "distributing" && rotation.phase !== "reissuing") return turns;
  const { turn } = rotation;
  const left = turn ? turnsLeft(plan, { turn, cohorts: present, now }) : everybodyAtOnce;
  return rotation.phase === "distributing" ? { ...turns, distribute: left } : { ...turns, reissue: left };
}
