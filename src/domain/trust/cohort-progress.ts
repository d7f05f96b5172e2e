import { type Seconds, toMs } from "../../foundation/duration.ts";
import type { Standing } from "./anchors-barrier.ts";
import { type CohortPlan, type CohortTurn, countCohorts, nameOfCohort } from "./cohorts.ts";
import { dependsOn, type Holder } from "./holder.ts";
import type { OutstandingLeaves } from "./leaves-barrier.ts";

/** What a barrier says of everybody, and of leaves that no holder stands for. */
export type CohortQuestion = {
  readonly plan: CohortPlan;
  readonly turn: CohortTurn;
  readonly standings: readonly Standing[];
  readonly unclaimed: readonly OutstandingLeaves[];
  readonly cohortOf: (agentId: string) => number;
  /** Whether its agent is connected now. */
  readonly isConnected: (agentId: string) => boolean;
  readonly isQuarantined: (holder: Holder) => boolean;
};

export type CohortStanding = {
  readonly name: string;
  /** done: the next one has had its turn. open: somebody who can be reached is behind. through: nobody is, and it soaks. */
  readonly state: "done" | "open" | "through" | "to-come";
  /** Holders that have to take something, and that have. */
  readonly holders: number;
  readonly passed: number;
  /** Behind, but nothing reaches them, or they are in quarantine: the fleet-wide barrier waits for them, the cohort does not. */
  readonly outOfReach: number;
  /** Behind, and the cohort waits for them: holders, and what agents have of their own. */
  readonly waiting: readonly (Standing & { readonly verdict: "behind" })[];
  readonly waitingLeaves: readonly OutstandingLeaves[];
};

type Behind = Standing & { readonly verdict: "behind" };

/** The server takes what it hands out, and a partner is handed whatever is there when it comes. */
export const isInACohort = ({ kind }: Holder): boolean => kind !== "server" && kind !== "partner";

/** How every cohort stands, in their order. */
export function cohortStandings(question: CohortQuestion): readonly CohortStanding[] {
  const { plan, standings, unclaimed, cohortOf } = question;
  const ofCohort = Map.groupBy(
    standings.filter(({ holder }) => isInACohort(holder)),
    ({ holder }) => cohortOf(holder.agentId),
  );
  const leavesOf = Map.groupBy(unclaimed, ({ requester }) => cohortOf(requester));
  return Array.from({ length: countCohorts(plan) }, (_, index) =>
    standingOf(index, { standings: ofCohort.get(index) ?? [], leaves: leavesOf.get(index) ?? [] }, question),
  );
}

function standingOf(
  index: number,
  members: { readonly standings: readonly Standing[]; readonly leaves: readonly OutstandingLeaves[] },
  question: CohortQuestion,
): CohortStanding {
  const { plan, turn, isConnected } = question;
  const behind = members.standings.filter((one): one is Behind => one.verdict === "behind");
  const passed = members.standings.filter(({ verdict }) => verdict === "passed").length;
  const waiting = behind.filter(({ holder }) => isWithinReach(holder, question));
  const waitingLeaves = members.leaves.filter(({ requester }) => isConnected(requester));
  const isThrough = waiting.length + waitingLeaves.length === 0;
  return {
    name: nameOfCohort(plan, index),
    state: stateOf(index, turn, isThrough),
    holders: behind.length + passed,
    passed,
    outOfReach: behind.length - waiting.length,
    waiting,
    waitingLeaves,
  };
}

function stateOf(index: number, { opened }: CohortTurn, isThrough: boolean): CohortStanding["state"] {
  if (index >= opened) return "to-come";
  if (index < opened - 1) return "done";
  return isThrough ? "through" : "open";
}

/** Its agent is there, and it is still asking. */
const isWithinReach = (holder: Holder, { isConnected, isQuarantined }: CohortQuestion): boolean =>
  isConnected(holder.agentId) &&
  !isQuarantined(holder) &&
  (holder.pid === 0 || holder.secrets.some((secret) => dependsOn(secret) && !secret.left));

export type CohortLimits = {
  /** A cohort that is not through after this time is looked at by a person. */
  readonly timeout: Seconds;
};

/** What is due for the cohort whose turn it is. */
export type CohortDue = "nothing" | "through" | "open-next" | "timed-out";

/** The last cohort has nobody to wait for it: its stragglers are the fleet-wide barrier's. One without holders teaches nothing. */
export function cohortDue(
  current: CohortStanding,
  { plan, turn, now, timeout }: Pick<CohortQuestion, "plan" | "turn"> & CohortLimits & { readonly now: Date },
): CohortDue {
  if (turn.opened >= countCohorts(plan)) return "nothing";
  const soakedMs = turn.throughAt && turn.throughAt.getTime() + toMs(plan.soak);
  if (current.state === "open") {
    const lateMs = (soakedMs ?? turn.openedAt.getTime()) + toMs(timeout);
    return now.getTime() >= lateMs ? "timed-out" : "nothing";
  }
  if (current.holders === 0) return "open-next";
  if (soakedMs === undefined) return "through";
  return now.getTime() >= soakedMs ? "open-next" : "nothing";
}
