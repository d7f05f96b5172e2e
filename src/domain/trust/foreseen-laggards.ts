import type { Standing } from "./anchors-barrier.ts";
import { ago } from "./barrier-words.ts";
import { dependsOn, type Holder, isBundle, isLeaf } from "./holder.ts";
import { isPast } from "./holder-processes.ts";

export type ForeseenTerms = {
  /** Whether its agent is connected now. */
  readonly isConnected: (agentId: string) => boolean;
  readonly agentsSeenAt: ReadonlyMap<string, Date>;
  /** What is about to be handed out: another bundle, or certificates alone. */
  readonly changesBundle: boolean;
  readonly now: Date;
};

/**
 * Who will be in the way of a rotation that has not begun, by all that shows now: what is to be handed out does not reach it, or
 * it refuses what it is given already. Everybody else is expected to take it at once.
 */
export const foreseenLaggards = (standings: readonly Standing[], terms: ForeseenTerms): Standing[] =>
  standings.flatMap((standing): Standing[] => {
    const { holder } = standing;
    if (standing.verdict === "gone" || holder.kind === "server") return [];
    const reason =
      standing.verdict === "behind" && terms.changesBundle ? standing.reason : whyLate(holder, terms);
    return reason === undefined ? [] : [{ holder, verdict: "behind", reason }];
  });

/** It comes by itself, as often as its refresh hint says; of that it has missed some when its propagation time is over. */
function whyPartnerLate({ lastSeenAt, propagation }: Holder, { now, changesBundle }: ForeseenTerms) {
  if (!changesBundle || !isPast(lastSeenAt, propagation, now)) return undefined;
  return `has not fetched its bundle for ${ago(lastSeenAt, now)}`;
}

function whyLate(holder: Holder, terms: ForeseenTerms): string | undefined {
  const { now, changesBundle, agentsSeenAt } = terms;
  if (holder.kind === "partner") return whyPartnerLate(holder, terms);
  const concerned = holder.secrets.filter(dependsOn).filter(changesBundle ? isBundle : isLeaf);
  if (concerned.length === 0) return undefined;
  if (!terms.isConnected(holder.agentId)) {
    const seenAt = agentsSeenAt.get(holder.agentId) ?? holder.lastSeenAt;
    return `cannot be reached: its agent was heard of last ${ago(seenAt, now)} ago`;
  }
  const refused = concerned.find(({ refusal }) => refusal);
  if (refused?.refusal) {
    const words = JSON.stringify(refused.refusal.reason.slice(0, 200));
    return `refused ${refused.name} ${ago(refused.refusal.at, now)} ago: ${words}`;
  }
  const closed = concerned.find(({ left }) => left);
  if (closed?.left)
    return `is not asking for ${closed.name}: its stream closed ${ago(closed.left.at, now)} ago`;
  return undefined;
}
