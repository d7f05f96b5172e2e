import type { Holder } from "./holder.ts";
import { troubleOf } from "./holder-troubles.ts";

/** How long ago, as a person says it: `12 s`, `3 min`, `5 h`, `2 d`. */
export function ago(moment: Date, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - moment.getTime()) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** An acknowledgement is no proof: one that the process itself is seen to contradict counts for nothing. */
export function unappliedFlaw(holder: Holder, now: Date): string | undefined {
  const trouble = troubleOf(holder, "not-applied");
  return trouble && `${trouble.reason} (seen for ${ago(trouble.since, now)})`;
}

/** Names a holder in a sentence: label, process, node and identity. */
export function holderName(holder: Holder): string {
  if (holder.kind === "server") return `server ${holder.spiffeId}`;
  if (holder.kind === "partner") return `partner ${holder.spiffeId.slice("spiffe://".length)}`;
  if (holder.kind === "agent") return `agent ${holder.agentId}`;
  const node = holder.agentId.slice(holder.agentId.lastIndexOf("/") + 1);
  const label = holder.label === "" ? "a process" : holder.label;
  const identity = holder.spiffeId === "" ? "" : `, ${holder.spiffeId}`;
  return `${label} (pid ${holder.pid} on node ${node}${identity})`;
}
