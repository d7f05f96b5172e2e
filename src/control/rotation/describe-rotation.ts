import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import type { Standing } from "../../domain/trust/anchors-barrier.ts";
import type { CohortStanding } from "../../domain/trust/cohort-progress.ts";
import {
  type Forced,
  isUnderWay,
  type Reasoned,
  type RolledBack,
  type Rotation,
} from "../../domain/trust/rotation.ts";
import { turnsLeft } from "../../domain/trust/soak-times.ts";
import type { TrustState } from "../../domain/trust/trust-state.ts";
import { seconds, toMs } from "../../foundation/duration.ts";
import { countLaggards, describeLaggards, type HolderFacts, type Verdict } from "./describe-laggards.ts";
import type { CohortRecord, ForcedStep, RotationStatus } from "./rotation-status.ts";

/** More are counted, not listed: a status must fit into one message. */
const mostLaggards = 500;

export function describeRotation(
  state: TrustState,
  verdict: Verdict,
  facts: HolderFacts & { readonly cohorts: readonly CohortStanding[] },
): RotationStatus {
  const concerned = verdict.standings.filter(({ verdict: is }) => is === "passed" || is === "behind");
  const passed = concerned.filter(({ verdict: is }) => is === "passed");
  return {
    ...planFields(state.rotation),
    validForAllMs: validForAllMs(state.rotation, facts.policy),
    trustDomain: state.bundle.trustDomain,
    phase: state.rotation.phase,
    sinceMs: state.rotation.since.getTime(),
    bundleSequence: state.bundle.sequence,
    revision: state.revision,
    holdersTotal: concerned.length,
    holdersPassed: passed.length,
    passedByGrade: countGrades(passed),
    laggards: describeLaggards(verdict, facts, mostLaggards),
    laggardsTotal: countLaggards(verdict),
    leavesOutstanding: verdict.outstanding ?? 0,
    leavesTotal: verdict.live ?? 0,
    leavesEndMs: verdict.countsUntil?.getTime() ?? 0,
    obstacles: [...verdict.obstacles],
    quarantines: facts.quarantines.list(),
    cohorts: facts.cohorts.map((one) => cohortRecord(one, state.rotation)),
    soaksEndMs: soaksEndMs(state.rotation, facts.cohorts, facts.now),
  };
}

function cohortRecord(standing: CohortStanding, rotation: Rotation): CohortRecord {
  const { name, state, holders, passed, outOfReach } = standing;
  const isTurn = state === "open" || state === "through";
  const { turn, plan } = rotation.phase === "idle" || !isTurn ? noTurn : rotation;
  const soaksMs = toMs(plan?.cohorts?.soak ?? seconds(0));
  return {
    ...{ name, state, holders, passed, outOfReach },
    openedAtMs: turn?.openedAt.getTime() ?? 0,
    soakEndsMs: turn?.throughAt ? turn.throughAt.getTime() + soaksMs : 0,
  };
}

function soaksEndMs(rotation: Rotation, cohorts: readonly CohortStanding[], now: Date): number {
  const { turn, plan } = rotation.phase === "idle" || cohorts.length === 0 ? noTurn : rotation;
  if (!turn || !plan?.cohorts) return 0;
  const { soak } = turnsLeft(plan.cohorts, { turn, cohorts, now });
  return soak === 0 ? 0 : now.getTime() + toMs(soak);
}

const noTurn = { turn: undefined, plan: undefined };

const validForAllMs = (rotation: Rotation, { maxClockSkew }: AcceptancePolicy): number =>
  isUnderWay(rotation) ? rotation.plan.validFrom.getTime() + toMs(maxClockSkew) : 0;

function planFields(rotation: Rotation) {
  if (rotation.phase === "idle") return lastFields(rotation.rolledBack);
  const { plan, paused, actor, forced } = rotation;
  return {
    id: plan.id,
    paused: paused !== undefined,
    oldAuthority: plan.oldAuthority,
    newAuthority: plan.newAuthority,
    oldAnchorSha256: plan.oldAnchor,
    newAnchorSha256: plan.newAnchor,
    actor,
    forcedReason: forced?.at(-1)?.reason ?? "",
    forced: (forced ?? []).map(forcedRecord),
    pausedBy: paused?.by ?? "",
    pausedReason: paused?.reason ?? "",
    pausedAtMs: paused?.at.getTime() ?? 0,
    ...rollbackFields(rotation.phase === "rolling-back" ? rotation.rollback : undefined),
  };
}

/** Of the last rotation where it was rolled back, else of none. */
const lastFields = (last: RolledBack | undefined) => ({
  ...noPlan,
  ...rollbackFields(last),
  forced: (last?.forced ?? []).map(forcedRecord),
});

const rollbackFields = (rollback: Reasoned | undefined) => ({
  rollbackReason: rollback?.reason ?? "",
  rolledBackBy: rollback?.by ?? "",
});

const noPlan = {
  id: "",
  paused: false,
  oldAuthority: "",
  newAuthority: "",
  oldAnchorSha256: "",
  newAnchorSha256: "",
  actor: "",
  forcedReason: "",
  forced: [],
  pausedBy: "",
  pausedReason: "",
  pausedAtMs: 0,
};

const forcedRecord = ({ verb, by, reason, at, behind }: Forced): ForcedStep => ({
  verb,
  by,
  reason,
  atMs: at.getTime(),
  behind,
});

function countGrades(passed: readonly Standing[]): { [grade: string]: number } {
  const counts: { [grade: string]: number } = {};
  for (const standing of passed) {
    if (standing.verdict === "passed") counts[standing.grade] = (counts[standing.grade] ?? 0) + 1;
  }
  return counts;
}
