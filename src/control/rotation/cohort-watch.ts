import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import type { Standing } from "../../domain/trust/anchors-barrier.ts";
import { holderName } from "../../domain/trust/barrier-words.ts";
import {
  type CohortStanding,
  cohortDue,
  cohortStandings,
  isInACohort,
} from "../../domain/trust/cohort-progress.ts";
import { cohortsToCome, cohortThrough, type Handing, openCohort } from "../../domain/trust/cohort-turns.ts";
import {
  type CohortPlan,
  type CohortTurn,
  cohortOf,
  countCohorts,
  nameOfCohort,
} from "../../domain/trust/cohorts.ts";
import {
  type FailureLimits,
  failureSignals,
  isTooMany,
  type Signals,
} from "../../domain/trust/failure-signals.ts";
import type { Holder } from "../../domain/trust/holder.ts";
import { isUnderWay, pause, type Rotation, type UnderWay } from "../../domain/trust/rotation.ts";
import type { Clock } from "../../foundation/clock.ts";
import { formatDuration, type Seconds } from "../../foundation/duration.ts";
import type { Barriers } from "./barriers.ts";
import { type Verdict, whatIsInTheWay } from "./describe-laggards.ts";
import type { HolderQuarantines } from "./holder-quarantines.ts";
import type { HolderRoster } from "./holder-roster.ts";
import type { NodeLabels } from "./node-labels.ts";

/** What makes a rotation stop or turn back by itself. */
export type RotationLimits = FailureLimits & {
  /** How long a cohort may take before the rotation is paused. */
  readonly cohortTimeout: Seconds;
};

type Deps = {
  readonly barriers: Barriers;
  readonly roster: HolderRoster;
  readonly quarantines: Pick<HolderQuarantines, "of">;
  readonly labels: NodeLabels;
  readonly limits: RotationLimits;
  readonly policy: AcceptancePolicy;
  readonly clock: Clock;
};

/** Why the rotation must not go on as it does: who cannot be blamed for it pauses it, everything else turns it back. */
export type Alarm = { readonly remedy: "pause" | "roll-back"; readonly reason: string };

const mostNamed = 3;

/** Looks at the cohorts of a rotation: whose turn it is, how they stand, and whether what was handed out does harm. */
export class CohortWatch {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The step that is due for the cohort whose turn it is, if any; it changes nothing but the record of the rotation. */
  due(rotation: Handing, actor: string): Handing | undefined {
    const { plan, turn } = rotation;
    if (!plan.cohorts || !turn) return undefined;
    const current = this.#standings(plan.cohorts, turn, this.#verdict(rotation))[turn.opened - 1];
    if (!current) return undefined;
    const now = this.#deps.clock.now();
    const { cohortTimeout: timeout } = this.#deps.limits;
    const next = cohortDue(current, { plan: plan.cohorts, turn, now, timeout });
    switch (next) {
      case "nothing":
        return undefined;
      case "through":
        return { ...cohortThrough(rotation, turn, now), actor };
      case "open-next":
        return { ...openCohort(rotation, turn, now), actor };
      case "timed-out": {
        const claim = `${this.#ordinal(plan.cohorts, turn.opened - 1)} is not through after ${formatDuration(timeout)}`;
        const { waiting: standings, waitingLeaves: unclaimed } = current;
        const reason = whatIsInTheWay({ allowed: false, standings, unclaimed, obstacles: [] }, claim);
        return pause(rotation, { by: actor, reason, at: now });
      }
      default:
        return next satisfies never;
    }
  }

  /** How every cohort stands; empty where there are none. `verdict` is that of the present phase. */
  describe(rotation: Rotation, verdict: Verdict): readonly CohortStanding[] {
    if (rotation.phase !== "distributing" && rotation.phase !== "reissuing") return [];
    const { plan, turn } = rotation;
    return plan.cohorts && turn ? this.#standings(plan.cohorts, turn, verdict) : [];
  }

  /** The same verdict, saying of whoever has not had his turn that this is why he is behind. */
  inWords(rotation: Rotation, verdict: Verdict): Verdict {
    if (rotation.phase !== "distributing" && rotation.phase !== "reissuing") return verdict;
    const { plan, turn } = rotation;
    if (!plan.cohorts || !turn || cohortsToCome(rotation) === 0) return verdict;
    const { cohorts } = plan;
    const cohortOfNode = this.#cohorts(cohorts);
    const standings = verdict.standings.map((one): Standing => {
      if (one.verdict !== "behind" || !isInACohort(one.holder)) return one;
      const index = cohortOfNode(one.holder.agentId);
      return index < turn.opened
        ? one
        : { ...one, reason: `waits for the turn of ${this.#ordinal(cohorts, index)}` };
    });
    return { ...verdict, standings };
  }

  /** What is wrong with what has been handed out, if anything; looked at cohort by cohort, or in the fleet where there are none. */
  alarm(rotation: Rotation): Alarm | undefined {
    if (!isUnderWay(rotation) || rotation.phase === "rolling-back" || rotation.phase === "prepared")
      return undefined;
    for (const [name, signals] of this.#signals(rotation)) {
      const alarm = this.#alarmOf(name, signals);
      if (alarm) return alarm;
    }
    return undefined;
  }

  #alarmOf(cohort: string, signals: Signals): Alarm | undefined {
    const { limits } = this.#deps;
    const count = (one: readonly string[]) => signals.failing.filter(({ signal }) => one.includes(signal));
    const why = (what: readonly string[]) => {
      const failing = count(what);
      const named = failing
        .slice(0, mostNamed)
        .map(({ holder, reason }) => `${holderName(holder)} ${reason}`);
      const rest = failing.length > mostNamed ? [`and ${failing.length - mostNamed} more`] : [];
      const share = `${failing.length} of ${signals.processes} processes`;
      return `${share} of ${cohort} fail since it began: ${[...named, ...rest].join("; ")}`;
    };
    for (const grave of [["refusal"], ["probe"]] as const)
      if (isTooMany(signals, grave, limits)) return { remedy: "roll-back", reason: why(grave) };
    const other = ["handshakes", "not-applied"] as const;
    return isTooMany(signals, other, limits) ? { remedy: "pause", reason: why(other) } : undefined;
  }

  #signals({ plan, watchedSince }: UnderWay): readonly (readonly [string, Signals])[] {
    const { roster, quarantines, policy, clock } = this.#deps;
    const since = watchedSince ?? plan.startedAt;
    const facts = { plan, since, agentsSeenAt: roster.agentsSeenAt(), policy, now: clock.now() };
    const holders = roster.holders();
    // Almost always nobody shows anything, and then there is nothing to count.
    if (!holders.some(showsSomething)) return [];
    const counted = holders.filter((holder) => !quarantines.of(holder));
    const { cohorts } = plan;
    if (!cohorts) return [["the mesh", failureSignals({ ...facts, holders: counted })]];
    const cohortOfNode = this.#cohorts(cohorts);
    const byCohort = Map.groupBy(counted, ({ agentId }) => cohortOfNode(agentId));
    return [...byCohort].map(([index, holders]) => [
      this.#ordinal(cohorts, index),
      failureSignals({ ...facts, holders }),
    ]);
  }

  /** Which one a node belongs to, found out once for each in a look: a node has thousands of entries and of holders. */
  #cohorts(plan: CohortPlan): (agentId: string) => number {
    const known = new Map<string, number>();
    return (agentId) => {
      const index =
        known.get(agentId) ?? cohortOf(plan, agentId, (...asked) => this.#deps.labels.has(...asked));
      known.set(agentId, index);
      return index;
    };
  }

  #ordinal(plan: CohortPlan, index: number): string {
    return `cohort ${index + 1} of ${countCohorts(plan)} (${nameOfCohort(plan, index)})`;
  }

  #verdict(rotation: Handing): Verdict {
    const { barriers } = this.#deps;
    return rotation.phase === "distributing"
      ? barriers.anchors(rotation.plan)
      : barriers.leaves(rotation, false);
  }

  #standings(plan: CohortPlan, turn: CohortTurn, verdict: Verdict): readonly CohortStanding[] {
    const { roster, quarantines } = this.#deps;
    return cohortStandings({
      plan,
      turn,
      standings: verdict.standings,
      unclaimed: verdict.unclaimed ?? [],
      cohortOf: this.#cohorts(plan),
      isConnected: (agentId) => roster.isConnected(agentId),
      isQuarantined: (holder) => quarantines.of(holder) !== undefined,
    });
  }
}

const showsSomething = ({ secrets, troubles }: Holder): boolean =>
  troubles.length > 0 || secrets.some(({ refusal }) => refusal);
