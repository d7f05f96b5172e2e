import { type Holder, type HolderIdentity, isLeaf } from "./holder.ts";
import { isSameProcess } from "./holder-processes.ts";

/**
 * A holder whose certificates are renewed no more, so that their end releases what waits for it. One is enough for a process,
 * whichever of its identities it was named by.
 */
export type HolderQuarantine = {
  readonly holder: HolderIdentity;
  /** The holder's name in a sentence, as it was then. */
  readonly label: string;
  readonly by: string;
  readonly reason: string;
  readonly since: Date;
};

/** Why a quarantine would stop nothing, or too much; undefined when it may begin. A sentence's end that follows the name. */
export function quarantineFlaw(holder: Holder, roster: Iterable<Holder>): string | undefined {
  if (holder.kind === "server") return "is the server itself: without its certificate nobody is served";
  if (holder.kind === "partner")
    return "has no certificate of ours that could be renewed: to wait for it no more, remove it from the federation";
  if (stoppedIdentities(holder, roster).size > 0) return undefined;
  return "has no certificate that could be renewed: it ends when its process exits, or its lease does";
}

/**
 * The SPIFFE IDs that are not renewed at its agent: every one that its process holds a certificate of, because it counts until
 * the last of them has ended. Issuance knows agents and identities, not processes: siblings with the same ID are hit.
 */
export function stoppedIdentities(holder: HolderIdentity, roster: Iterable<Holder>): ReadonlySet<string> {
  const stopped = new Set<string>();
  for (const one of roster) if (isSameProcess(one, holder) && hasLeaf(one)) stopped.add(one.spiffeId);
  return stopped;
}

/** Other processes of the same agent that hold a certificate of an identity that is stopped. */
export function siblingsOf(holder: HolderIdentity, roster: readonly Holder[]): readonly Holder[] {
  const stopped = stoppedIdentities(holder, roster);
  return roster.filter(
    (one) =>
      one.agentId === holder.agentId &&
      !isSameProcess(one, holder) &&
      hasLeaf(one) &&
      stopped.has(one.spiffeId),
  );
}

const hasLeaf = ({ secrets, gone }: Holder): boolean =>
  !gone && secrets.some((secret) => isLeaf(secret) && secret.delivered);
