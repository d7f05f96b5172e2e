import { type Seconds, toMs } from "../../foundation/duration.ts";
import type { AcceptancePolicy } from "./acceptance-policy.ts";
import { type HeldSecret, type Holder, type HolderIdentity, isLeaf } from "./holder.ts";

/** One process (or one agent, or the server) with all the identities that it was seen with. */
export type HoldingProcess = readonly [Holder, ...Holder[]];

/** Groups holders by process: Envoy judges a bundle with whichever leaf it has, so verdicts are a process's. */
export function byProcess(holders: Iterable<Holder>): HoldingProcess[] {
  const groups = new Map<string, [Holder, ...Holder[]]>();
  for (const holder of holders) {
    const key = processKey(holder);
    const group = groups.get(key);
    if (group) group.push(holder);
    else groups.set(key, [holder]);
  }
  return [...groups.values()];
}

/**
 * Why a process no longer counts, or undefined while it does: it has exited, its last SVID has ended, or it never had
 * one and its lease has ended. A partner counts until it is removed: what it fetched does not end. `agentSeenAt` is the last contact with its agent, which vouches for its open streams.
 */
export function endOf(
  process: HoldingProcess,
  agentSeenAt: Date | undefined,
  terms: { readonly policy: AcceptancePolicy; readonly now: Date },
): string | undefined {
  if (process.some((holder) => holder.gone)) return "its process has exited";
  if (process[0].kind === "partner") return undefined;
  const { policy, now } = terms;
  const lastEnd = latest(
    process.flatMap(({ secrets }) => secrets.filter(isLeaf).map((leaf) => leaf.lastNotAfter)),
  );
  if (lastEnd) return isPast(lastEnd, policy.maxClockSkew, now) ? "its last SVID has expired" : undefined;
  const contact = latest(process.map((holder) => contactOf(holder, agentSeenAt))) ?? now;
  return isPast(contact, policy.lease, now) ? "it had no SVID and its lease has ended" : undefined;
}

/** When a process stops counting at the latest if it is given no other SVID; undefined for one that never had any. */
export function countsUntil(
  holders: readonly Holder[],
  { maxClockSkew }: AcceptancePolicy,
): Date | undefined {
  const leaves = holders.flatMap(({ secrets }) => secrets.filter(isLeaf));
  const lastEnd = latest(leaves.map(({ lastNotAfter }) => lastNotAfter));
  return lastEnd && new Date(lastEnd.getTime() + toMs(maxClockSkew));
}

/** The same for any process, if nothing more is heard of it either: one without an SVID ends with its lease, a partner never. */
export function countsUntilUnheard(
  process: HoldingProcess,
  agentSeenAt: Date | undefined,
  { policy, now }: { readonly policy: AcceptancePolicy; readonly now: Date },
): Date | undefined {
  if (process[0].kind === "partner") return undefined;
  const contact = latest(process.map((holder) => contactOf(holder, agentSeenAt))) ?? now;
  return countsUntil(process, policy) ?? new Date(contact.getTime() + toMs(policy.lease));
}

/** Whether both are of one process, which may hold several identities; or of one agent, or server. */
export const isSameProcess = (a: HolderIdentity, b: HolderIdentity): boolean =>
  processKey(a) === processKey(b);

const processKey = ({ agentId, spiffeId, pid, startTime }: HolderIdentity): string =>
  pid === 0 ? `${agentId}|${spiffeId}` : `${agentId}|${pid}|${startTime}`;

/**
 * A copy on a closed stream ends as a holder does: when the last leaf that came on that stream has expired, or, with no
 * leaf, when its lease has ended. Else a process that once had more streams than today would be behind for ever.
 */
export function hasEnded(
  copy: HeldSecret,
  holder: Holder,
  terms: { readonly policy: AcceptancePolicy; readonly now: Date },
): boolean {
  const { policy, now } = terms;
  if (copy.left?.how !== "closed") return false;
  const sameStream = holder.secrets.filter(isLeaf).filter(({ channel }) => channel === copy.channel);
  const lastEnd = latest(sameStream.map((leaf) => leaf.lastNotAfter));
  return lastEnd ? isPast(lastEnd, policy.maxClockSkew, now) : isPast(copy.left.at, policy.lease, now);
}

/** True when `moment` is at least `span` ago. */
export const isPast = (moment: Date, span: Seconds, now: Date): boolean =>
  now.getTime() - moment.getTime() >= toMs(span);

function contactOf(holder: Holder, agentSeenAt: Date | undefined): Date {
  const open = holder.secrets.some((secret) => !secret.left);
  return open && agentSeenAt && agentSeenAt > holder.lastSeenAt ? agentSeenAt : holder.lastSeenAt;
}

function latest(moments: readonly (Date | undefined)[]): Date | undefined {
  return moments.reduce((last, moment) => (moment && (!last || moment > last) ? moment : last), undefined);
}
