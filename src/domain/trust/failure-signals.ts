import type { AcceptancePolicy } from "./acceptance-policy.ts";
import { ago } from "./barrier-words.ts";
import { dependsOn, type HeldSecret, type Holder, isBundle, isLeaf, type Trouble } from "./holder.ts";
import { byProcess, endOf, type HoldingProcess } from "./holder-processes.ts";
import { handedOut, type RotationPlan } from "./rotation.ts";

/** When a rotation is taken to do harm. */
export type FailureLimits = {
  /** Of the processes of a cohort, from 0 to 1: more than these. */
  readonly share: number;
  /** And so many processes at least. */
  readonly least: number;
};

/**
 * refusal: it refuses checked content that has the new root or wider lists, or a new certificate, and took what came before. probe: its agent's
 * handshakes with it fail. handshakes: by its own counters handshakes fail, which whoever can reach it can bring about. not-applied: it has acknowledged what it does not use.
 */
export type FailureSignal = "refusal" | Trouble["kind"];

/** One process to which something has happened since the rotation began; `reason` follows its name in a sentence. */
export type Failing = { readonly holder: Holder; readonly signal: FailureSignal; readonly reason: string };

export type SignalsQuestion = {
  readonly plan: RotationPlan;
  /** What began before counts for nothing. */
  readonly since: Date;
  readonly holders: Iterable<Holder>;
  readonly agentsSeenAt: ReadonlyMap<string, Date>;
  readonly policy: AcceptancePolicy;
  readonly now: Date;
};

export type Signals = {
  /** Each process once, by its gravest signal. */
  readonly failing: readonly Failing[];
  /** Processes that count. */
  readonly processes: number;
};

/** What the processes of one cohort show. Trouble from before the rotation says nothing about it. */
export function failureSignals(question: SignalsQuestion): Signals {
  const counted = byProcess(question.holders).filter(
    (process) =>
      process[0].pid > 0 && !endOf(process, question.agentsSeenAt.get(process[0].agentId), question),
  );
  const failing = counted.flatMap((process) => failureOf(process, question) ?? []);
  return { failing, processes: counted.length };
}

/** Whether so many fail with one of these signals that it is no accident. */
export function isTooMany(
  { failing, processes }: Signals,
  signals: readonly FailureSignal[],
  { share, least }: FailureLimits,
): boolean {
  const count = failing.filter(({ signal }) => signals.includes(signal)).length;
  return count >= least && count > share * processes;
}

function failureOf(process: HoldingProcess, question: SignalsQuestion): Failing | undefined {
  const refusals = process.flatMap((holder) =>
    holder.secrets
      .filter((secret) => isRefusedNow(secret, question))
      .map((secret) => refusalOf(holder, secret, question)),
  );
  const troubles = process.flatMap((holder) =>
    holder.troubles
      .filter(({ since }) => since >= question.since)
      .map(({ kind, reason }): Failing => ({ holder, signal: kind, reason })),
  );
  const probe = troubles.find(({ signal }) => signal === "probe");
  return refusals[0] ?? probe ?? troubles[0];
}

function refusalOf(holder: Holder, { name, refusal }: HeldSecret, { now }: SignalsQuestion): Failing {
  const words = JSON.stringify(refusal?.reason.slice(0, 200) ?? "");
  const since = refusal ? ago(refusal.at, now) : "";
  return { holder, signal: "refusal", reason: `refused ${name} ${since} ago: ${words}` };
}

/**
 * What the rotation hands out stands refused by somebody who took what it was given before: who refuses everything for ever would
 * bring every rotation down.
 */
function isRefusedNow(secret: HeldSecret, { plan, since }: SignalsQuestion): boolean {
  const { refusal } = secret;
  if (!refusal || refusal.at < since || !dependsOn(secret) || !secret.acknowledged) return false;
  if (isBundle(secret)) {
    const part = handedOut(plan);
    if (part === undefined || secret.acceptedAnchors.includes(part)) return false;
    return secret.delivered?.content.anchors.includes(part) ?? false;
  }
  return isLeaf(secret) && secret.delivered?.content.authorityKeyId === plan.newAuthority;
}
