import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import type { Standing } from "../../domain/trust/anchors-barrier.ts";
import { holderName } from "../../domain/trust/barrier-words.ts";
import { type Holder, type HolderIdentity, holderId, holderKey } from "../../domain/trust/holder.ts";
import { byProcess, countsUntilUnheard, type HoldingProcess } from "../../domain/trust/holder-processes.ts";
import type { OutstandingLeaves } from "../../domain/trust/leaves-barrier.ts";
import { toHoldingRecord } from "./holding-record.ts";
import type { QuarantineRecord } from "./quarantine-record.ts";
import type { Laggard } from "./rotation-status.ts";

/** A barrier's answer, whichever barrier it was. */
export type Verdict = {
  readonly allowed: boolean;
  readonly standings: readonly Standing[];
  readonly unclaimed?: readonly OutstandingLeaves[];
  readonly outstanding?: number;
  readonly live?: number;
  readonly countsUntil?: Date | undefined;
  readonly obstacles: readonly string[];
};

/** What is known of holders beside their standing. */
export type HolderFacts = {
  readonly quarantines: { list(): QuarantineRecord[]; of(who: HolderIdentity): QuarantineRecord | undefined };
  readonly agentsSeenAt: ReadonlyMap<string, Date>;
  readonly policy: AcceptancePolicy;
  readonly now: Date;
};

type Behind = { readonly holder: Holder; readonly reason: string };

const mostNamed = 5;

/** The first so many whom the barrier waits for. */
export function describeLaggards(verdict: Verdict, facts: HolderFacts, most: number): Laggard[] {
  const behind = behindIn(verdict).slice(0, most);
  // Grouping a whole fleet is worth it only where somebody is behind.
  const processOf = behind.length === 0 ? nobody : processesOf(verdict);
  const holders = behind.map(({ holder, reason }) =>
    describe({ holder, reason }, processOf.get(holder) ?? [holder], facts),
  );
  const unclaimed = (verdict.unclaimed ?? []).slice(0, most - holders.length);
  return [...holders, ...unclaimed.map((leaves) => unclaimedLaggard(leaves, facts))];
}

export const countLaggards = (verdict: Verdict): number =>
  behindIn(verdict).length + (verdict.unclaimed?.length ?? 0);

const behindIn = ({ standings }: Verdict): Behind[] =>
  standings.flatMap((one) => (one.verdict === "behind" ? [one] : []));

const nobody: ReadonlyMap<Holder, HoldingProcess> = new Map();

function processesOf({ standings }: Verdict): ReadonlyMap<Holder, HoldingProcess> {
  const groups = byProcess(standings.map(({ holder }) => holder));
  return new Map(groups.flatMap((process) => process.map((holder) => [holder, process] as const)));
}

function describe({ holder, reason }: Behind, process: HoldingProcess, facts: HolderFacts): Laggard {
  const { agentId, spiffeId, pid, kind, lastSeenAt } = holder;
  const end = countsUntilUnheard(process, facts.agentsSeenAt.get(agentId), facts);
  return {
    holder: holderKey(holder),
    id: holderId(holder),
    label: holderName(holder),
    kind,
    reason,
    lastSeenMs: lastSeenAt.getTime(),
    quarantineEndsMs: facts.quarantines.of(holder)?.endsMs ?? 0,
    agentId,
    spiffeId,
    pid,
    holding: toHoldingRecord(holder),
    countsUntilMs: end?.getTime() ?? 0,
  };
}

function unclaimedLaggard(leaves: OutstandingLeaves, { policy }: HolderFacts): Laggard {
  const { requester, spiffeId, lastNotAfter } = leaves;
  const endsMs = lastNotAfter.getTime();
  return {
    holder: requester,
    id: "",
    quarantineEndsMs: 0,
    label: leavesName(leaves),
    kind: "leaf",
    reason: leavesReason(leaves),
    lastSeenMs: 0,
    agentId: requester,
    spiffeId,
    pid: 0,
    holding: { ...nothing, certificateEndsMs: endsMs },
    countsUntilMs: endsMs + policy.maxClockSkew * 1000,
  };
}

const nothing = {
  bundleSinceMs: 0,
  certificateSinceMs: 0,
  certificateEndsMs: 0,
  lastError: "",
  lastErrorSecret: "",
  lastErrorMs: 0,
};

function leavesName({ requester, spiffeId, count }: OutstandingLeaves): string {
  const what = count === 1 ? `the certificate of ${spiffeId}` : `${count} certificates of ${spiffeId}`;
  return `${what} at ${requester}`;
}

const leavesReason = ({ reason, lastNotAfter }: OutstandingLeaves): string =>
  `${reason}; it ends ${lastNotAfter.toISOString()}`;

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
  ...behindIn(verdict).map(({ holder, reason }) => `${holderName(holder)} ${reason}`),
  ...(verdict.unclaimed ?? []).map((leaves) => `${leavesName(leaves)} ${leavesReason(leaves)}`),
];
