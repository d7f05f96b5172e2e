import type { Standing } from "../../domain/trust/anchors-barrier.ts";
import { holderName } from "../../domain/trust/barrier-words.ts";
import { type HolderIdentity, holderId, holderKey } from "../../domain/trust/holder.ts";
import type { OutstandingLeaves } from "../../domain/trust/leaves-barrier.ts";
import type { Forced, Reasoned, RolledBack, Rotation } from "../../domain/trust/rotation.ts";
import type { TrustState } from "../../domain/trust/trust-state.ts";
import type { QuarantineRecord } from "./quarantine-record.ts";
import type { ForcedStep, Laggard, RotationStatus } from "./rotation-status.ts";

/** A barrier's answer, whichever barrier it was. */
export type Verdict = {
  readonly allowed: boolean;
  readonly standings: readonly Standing[];
  readonly unclaimed?: readonly OutstandingLeaves[];
  readonly outstanding?: number;
  readonly obstacles: readonly string[];
};

/** More are counted, not listed: a status must fit into one message. */
const mostLaggards = 500;
const mostNamed = 5;

export function describeRotation(
  state: TrustState,
  verdict: Verdict,
  quarantines: Quarantined,
): RotationStatus {
  const concerned = verdict.standings.filter(({ verdict: is }) => is === "passed" || is === "behind");
  const passed = concerned.filter(({ verdict: is }) => is === "passed");
  return {
    ...planFields(state.rotation),
    trustDomain: state.bundle.trustDomain,
    phase: state.rotation.phase,
    sinceMs: state.rotation.since.getTime(),
    bundleSequence: state.bundle.sequence,
    revision: state.revision,
    holdersTotal: concerned.length,
    holdersPassed: passed.length,
    passedByGrade: countGrades(passed),
    laggards: laggardsOf(verdict, quarantines).slice(0, mostLaggards),
    leavesOutstanding: verdict.outstanding ?? 0,
    obstacles: [...verdict.obstacles],
    quarantines: quarantines.list(),
  };
}

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

/** Who is in quarantine, as far as it is of interest here. */
type Quarantined = { list(): QuarantineRecord[]; of(who: HolderIdentity): QuarantineRecord | undefined };
const nobody: Quarantined = { list: () => [], of: () => undefined };

function laggardsOf(verdict: Verdict, quarantines = nobody): Laggard[] {
  const holders = verdict.standings.flatMap((standing): Laggard[] => {
    if (standing.verdict !== "behind") return [];
    const { holder, reason } = standing;
    const lastSeenMs = holder.lastSeenAt.getTime();
    const { kind } = holder;
    const [key, id, label] = [holderKey(holder), holderId(holder), holderName(holder)];
    const quarantineEndsMs = quarantines.of(holder)?.endsMs ?? 0;
    return [{ holder: key, id, label, kind, reason, lastSeenMs, quarantineEndsMs }];
  });
  return [...holders, ...(verdict.unclaimed ?? []).map(unclaimedLaggard)];
}

function unclaimedLaggard(leaves: OutstandingLeaves): Laggard {
  const { requester, spiffeId, count, reason, lastNotAfter } = leaves;
  const what = count === 1 ? `the certificate of ${spiffeId}` : `${count} certificates of ${spiffeId}`;
  const end = `it ends ${lastNotAfter.toISOString()}`;
  return {
    holder: requester,
    id: "",
    quarantineEndsMs: 0,
    label: `${what} at ${requester}`,
    kind: "leaf",
    reason: `${reason}; ${end}`,
    lastSeenMs: 0,
  };
}

/** One sentence that says what a barrier waits for, naming the first few. */
export function whatIsInTheWay(verdict: Verdict, claim: string): string {
  const all = whoIsInTheWay(verdict);
  const most = verdict.obstacles.length + mostNamed;
  const rest = all.length > most ? [`and ${all.length - most} more`] : [];
  return `${claim}: ${[...all.slice(0, most), ...rest].join("; ")}`;
}

/** Whatever and whoever a barrier waits for, a clause each. */
export const whoIsInTheWay = (verdict: Verdict): readonly string[] => [
  ...verdict.obstacles,
  ...laggardsOf(verdict).map(({ label, reason }) => `${label} ${reason}`),
];
