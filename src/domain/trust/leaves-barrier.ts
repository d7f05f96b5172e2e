import { toMs } from "../../foundation/duration.ts";
import { type AcceptancePolicy, isAtLeast } from "./acceptance-policy.ts";
import type { Standing } from "./anchors-barrier.ts";
import { ago, unappliedFlaw } from "./barrier-words.ts";
import { type HeldLeaf, type Holder, isLeaf } from "./holder.ts";
import { byProcess, endOf, hasEnded, isPast } from "./holder-processes.ts";

/** A leaf as the ledger has it. `requester` is the agent, or the server, that it was minted for. */
export type RecordedLeaf = {
  readonly serial: string;
  readonly spiffeId: string;
  readonly requester: string;
  /** "" for node SVIDs and the server's own certificates. */
  readonly entryId: string;
  readonly issuedAt: Date;
  readonly notAfter: Date;
};

export type LeavesQuestion = {
  /** Every recorded leaf under these authorities; those that ended long ago may be left out. */
  readonly leaves: readonly RecordedLeaf[];
  /** Key ids of every authority under the anchor that is to go. */
  readonly authorities: ReadonlySet<string>;
  /** What a person calls them; a roll-back withdraws the new one. */
  readonly whose: "old" | "new";
  /** No intent can name any of them any more, and those that did have ended. */
  readonly closed: boolean;
  readonly holders: readonly Holder[];
  readonly agentsSeenAt: ReadonlyMap<string, Date>;
  /** Whether the requester says that it serves this leaf to nobody any more. */
  readonly isSuperseded: (leaf: RecordedLeaf) => boolean;
  /** Wait for expiry alone. */
  readonly strict: boolean;
  readonly policy: AcceptancePolicy;
  readonly now: Date;
};

/** Leaves of one identity at one requester that are still in use, and why. */
export type OutstandingLeaves = {
  readonly requester: string;
  readonly spiffeId: string;
  readonly count: number;
  readonly lastNotAfter: Date;
  readonly reason: string;
};

export type LeavesVerdict = {
  readonly allowed: boolean;
  readonly outstanding: number;
  /** Recorded leaves that have not ended, and until when those of them count that are outstanding. */
  readonly live: number;
  readonly countsUntil: Date | undefined;
  /** Every holder that was given a leaf. */
  readonly standings: readonly Standing[];
  /** Outstanding leaves that no holder's standing explains. */
  readonly unclaimed: readonly OutstandingLeaves[];
  readonly obstacles: readonly string[];
};

/**
 * May an anchor be withdrawn? Only when every authority under it is closed and every leaf of theirs has ended for more
 * than `maxClockSkew` or is released: each holder of that identity has acknowledged a successor under another anchor at
 * least `settle` ago, or is gone; a leaf that went to no holder, when its requester serves it no more.
 */
export function leavesBarrier(question: LeavesQuestion): LeavesVerdict {
  const standings = leafStandings(question);
  const standingsOf = Map.groupBy(standings, ({ holder }) => lineage(holder.agentId, holder.spiffeId));
  const live = question.leaves.filter(
    (leaf) => !isPast(leaf.notAfter, question.policy.maxClockSkew, question.now),
  );
  const byLineage = Map.groupBy(live, (leaf) => lineage(leaf.requester, leaf.spiffeId));
  const left: RecordedLeaf[] = [];
  const unclaimed: OutstandingLeaves[] = [];
  for (const [key, leaves] of byLineage) {
    const state = lineageState(leaves, standingsOf.get(key) ?? [], question);
    for (const leaf of state.left) left.push(leaf);
    if (state.reason) unclaimed.push(summary(state.left, state.reason));
  }
  const obstacles = question.closed
    ? []
    : [`the ${question.whose} authority is not closed yet, or still has requests under way`];
  const outstanding = left.length;
  const allowed = outstanding === 0 && question.closed;
  const countsUntil = endOfLast(left, question.policy);
  return { allowed, outstanding, live: live.length, countsUntil, standings, unclaimed, obstacles };
}

function endOfLast(leaves: readonly RecordedLeaf[], { maxClockSkew }: AcceptancePolicy): Date | undefined {
  const lastMs = leaves.reduce((last, { notAfter }) => Math.max(last, notAfter.getTime()), 0);
  return leaves.length === 0 ? undefined : new Date(lastMs + toMs(maxClockSkew));
}

const lineage = (requester: string, spiffeId: string): string => `${requester}|${spiffeId}`;

/** Which of one identity's leaves are left, and why when no holder's own reason says it. */
function lineageState(
  leaves: readonly RecordedLeaf[],
  standings: readonly Standing[],
  question: LeavesQuestion,
): { left: readonly RecordedLeaf[]; reason?: string } {
  if (question.strict) return { left: leaves, reason: "has not expired, and --strict waits for that alone" };
  if (standings.some(({ verdict }) => verdict === "behind")) return { left: leaves };
  const oneEntry = new Set(leaves.map((leaf) => leaf.entryId)).size === 1;
  // Who hands out the successor of an identity's only entry has it, and hands the old leaf to nobody any more.
  if (oneEntry && standings.some(({ verdict }) => verdict === "passed")) return { left: [] };
  const left = leaves.filter((leaf) => !question.isSuperseded(leaf));
  return left.length === 0
    ? { left }
    : { left, reason: "its agent has not reported that it serves it no more" };
}

function summary(leaves: readonly RecordedLeaf[], reason: string): OutstandingLeaves {
  const lastNotAfter = new Date(Math.max(...leaves.map((leaf) => leaf.notAfter.getTime())));
  const [first] = leaves;
  return {
    requester: first?.requester ?? "",
    spiffeId: first?.spiffeId ?? "",
    count: leaves.length,
    lastNotAfter,
    reason,
  };
}

function leafStandings(question: LeavesQuestion): Standing[] {
  return byProcess(question.holders).flatMap((process) => {
    const end = endOf(process, question.agentsSeenAt.get(process[0].agentId), question);
    return process
      .filter((holder) => holder.secrets.some((secret) => isLeaf(secret) && secret.delivered))
      .map(
        (holder): Standing =>
          end ? { holder, verdict: "gone", reason: end } : leafStanding(holder, question),
      );
  });
}

/** Agents and the server are judged by what they report of their own leaves: nothing acknowledges those. */
function leafStanding(holder: Holder, question: LeavesQuestion): Standing {
  if (holder.kind === "agent" || holder.kind === "server") return { holder, verdict: "unconcerned" };
  for (const leaf of holder.secrets.filter(isLeaf)) {
    const flaw =
      leaf.left?.how === "unsubscribed" ? goneFlaw(leaf, question) : leafFlaw(leaf, holder, question);
    if (flaw) return { holder, verdict: "behind", reason: flaw };
  }
  return { holder, verdict: "passed", grade: question.policy.leastGrade[holder.kind] };
}

function goneFlaw(leaf: HeldLeaf, { policy, now }: LeavesQuestion): string | undefined {
  if (!leaf.left || isPast(leaf.left.at, policy.settle, now)) return undefined;
  return `gave up ${leaf.name} ${ago(leaf.left.at, now)} ago, which counts after ${policy.settle} s`;
}

function leafFlaw(leaf: HeldLeaf, holder: Holder, question: LeavesQuestion): string | undefined {
  const { delivered, acknowledged, name } = leaf;
  const { authorities, whose, policy, now } = question;
  if (!delivered || hasEnded(leaf, holder, question)) return undefined;
  const closed = leaf.left ? `; its stream closed ${ago(leaf.left.at, now)} ago` : "";
  if (authorities.has(delivered.content.authorityKeyId)) {
    return `still has ${name} ${delivered.content.serial} of the ${whose} authority, given ${ago(delivered.at, now)} ago${closed}`;
  }
  if (leaf.liveAuthorities.some((keyId) => authorities.has(keyId))) {
    return leaf.refusal
      ? `refused its new ${name} ${ago(leaf.refusal.at, now)} ago: ${JSON.stringify(leaf.refusal.reason.slice(0, 200))}`
      : `was given its new ${name} ${ago(delivered.at, now)} ago and has not acknowledged it${closed}`;
  }
  if (!acknowledged) return undefined; // it never had another one
  const unapplied = unappliedFlaw(holder, now);
  if (unapplied) return `${unapplied}${closed}`;
  if (!isAtLeast(acknowledged.grade, policy.leastGrade[holder.kind])) {
    return `took its new ${name} only as "${acknowledged.grade}"`;
  }
  if (isPast(acknowledged.at, policy.settle, now)) return undefined;
  return `took its new ${name} ${ago(acknowledged.at, now)} ago, which counts after ${policy.settle} s`;
}
