import { type Seconds, seconds, toMs } from "../../foundation/duration.ts";
import {
  type NameRecord,
  nameRecord,
  type ProcessRecord,
  type SecretKind,
  type Subscription,
} from "./process-record.ts";
import type { Versioned } from "./stream.ts";

/** How long things wait. The defaults are those of the design; tests shorten them. */
export type Patience = {
  /** Refused content is offered again, encoded afresh, after this much at the earliest. */
  readonly offerAgain: Seconds;
  /** A leaf waits this long at most for the process's acknowledgement of its bundle. */
  readonly holdLeaf: Seconds;
};

/** The present time, and how long things wait. */
export type Moment = { readonly now: Date; readonly patience: Patience };

export const defaultPatience: Patience = { offerAgain: seconds(60), holdLeaf: seconds(2) };

/** An ACK from before the other secret was there proves nothing (trap 0.2); after this many times the wait we try anyway. */
const suspectFactor = 5;

/** Whether content may be sent to a process now; if not, when to look again (undefined: when something happens). */
export type Standing =
  | { readonly state: "clear" }
  | { readonly state: "waits"; readonly until: Date | undefined };

/**
 * Content that the process refused waits until its companion is clean, and a minute at least. A companion is every
 * subscribed secret of the other kind that has a verdict. It is dirty while its own last verdict is a refusal; suspect
 * while its ACK is older than any verdict on this name, for Envoy then had nothing to check it with.
 */
export function standingOf(
  record: ProcessRecord,
  content: { readonly name: string; readonly id: string },
  { now, patience }: Moment,
): Standing {
  const own = nameRecord(record, content.name);
  const refusal = own.refused.get(content.id);
  if (refusal === undefined) return { state: "clear" };
  let wait = toMs(patience.offerAgain);
  for (const { lastVerdict } of companionsOf(record, own.kind)) {
    if (lastVerdict === undefined) continue;
    // Refused in one and the same response: the bundle goes first, by itself.
    const together = own.kind === "bundle" && lastVerdict.order === refusal.order;
    if (lastVerdict.kind === "refused" && !together) return { state: "waits", until: undefined };
    if (lastVerdict.kind === "acknowledged" && lastVerdict.order < (own.firstVerdict ?? 0)) {
      wait = toMs(patience.offerAgain) * suspectFactor;
    }
  }
  const until = new Date(refusal.at.getTime() + wait);
  return until <= now ? { state: "clear" } : { state: "waits", until };
}

/** Notes since when each subscription lacks an acknowledgement of the bundle on offer; what is not on offer is not due. */
export function noteDue(
  record: ProcessRecord,
  bundles: ReadonlyMap<string, Versioned>,
  now: Date,
): ProcessRecord {
  const streams = new Map<string, ReadonlyMap<string, Subscription>>();
  for (const [streamId, subscriptions] of record.streams) {
    const dated = [...subscriptions].map(
      ([name, before]) => [name, withDue(before, bundles.get(name)?.version, now)] as const,
    );
    streams.set(streamId, new Map(dated));
  }
  return { ...record, streams };
}

function withDue(before: Subscription, version: string | undefined, now: Date): Subscription {
  if (version === undefined || version === before.acknowledged) return { ...before, due: undefined };
  return before.due?.version === version ? before : { ...before, due: { version, since: now } };
}

/**
 * Until when a stream's leaf is held back: another stream of the process waits for its bundle, and a proxy that comes
 * back must be able to verify its peers before it shows a new certificate. Undefined: not held.
 */
export function holdsOf(
  record: ProcessRecord,
  { now, patience }: Moment,
): (streamId: string) => Date | undefined {
  const holders = [...record.streams].flatMap(([streamId, subscriptions]) => {
    const since = [...subscriptions.values()].flatMap(({ due }) => due?.since.getTime() ?? []);
    const until = Math.max(...since) + toMs(patience.holdLeaf);
    return until > now.getTime() ? [{ streamId, until }] : [];
  });
  holders.sort((one, other) => other.until - one.until);
  return (streamId) => {
    const holder = holders.find((candidate) => candidate.streamId !== streamId);
    return holder && new Date(holder.until);
  };
}

function companionsOf(record: ProcessRecord, kind: SecretKind | undefined): NameRecord[] {
  const subscribed = new Set([...record.streams.values()].flatMap((names) => [...names.keys()]));
  return [...subscribed]
    .map((name) => nameRecord(record, name))
    .filter((companion) => companion.kind !== undefined && companion.kind !== kind);
}
