import { type Seconds, seconds, toMs } from "../../foundation/duration.ts";
import {
  isSubscribed,
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
  /**
   * A name whose streams have ended, while others of the process are open, counts as given up after this much. Envoy
   * opens a stream that broke again within 30 s (its default back-off).
   */
  readonly forget: Seconds;
};

/** The present time, and how long things wait. */
export type Moment = { readonly now: Date; readonly patience: Patience };

export const defaultPatience: Patience = {
  offerAgain: seconds(60),
  holdLeaf: seconds(2),
  forget: seconds(60),
};

/** How many times longer a bundle waits whose companion is not clean, so that two refused secrets do not wait for each other. */
const doubtFactor = 5;

/** Whether content may be sent to a process now; if not, when to look again (undefined: when something happens). */
export type Standing =
  | { readonly state: "clear" }
  | { readonly state: "waits"; readonly until: Date | undefined };

/**
 * Content that the process refused waits until its companion is clean, and a minute at least. A companion is every
 * subscribed secret of the other kind that has a verdict. It is clean when its last verdict is an acknowledgement that
 * is newer than the first verdict on this name: before that, Envoy had nothing to check it with (trap 0.2). A leaf
 * waits for clean bundles without end (it is renewed soon); a bundle is tried again after five times the wait.
 */
export function standingOf(
  record: ProcessRecord,
  content: { readonly name: string; readonly id: string },
  { now, patience }: Moment,
): Standing {
  const own = nameRecord(record, content.name);
  const refusal = own.refused.get(content.id);
  if (refusal === undefined) return { state: "clear" };
  const verdicts = companionsOf(record, own.kind).flatMap(({ lastVerdict }) => lastVerdict ?? []);
  // Refused in one and the same response: neither speaks against the other, and the bundle goes first, by itself.
  const blamed = verdicts.filter(({ kind, order }) => kind === "refused" && order !== refusal.order);
  const refusedToo = verdicts.some(({ kind }) => kind === "refused");
  if (own.kind === "leaf" && refusedToo) return { state: "waits", until: undefined };
  const unchecked = verdicts.some(
    ({ kind, order }) => kind === "acknowledged" && order < (own.firstVerdict ?? 0),
  );
  const wait = toMs(patience.offerAgain) * (blamed.length > 0 || unchecked ? doubtFactor : 1);
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
    // A proxy for many services has thousands of streams: only what changed is made anew.
    const isSame = dated.every(([name, after]) => after === subscriptions.get(name));
    streams.set(streamId, isSame ? subscriptions : new Map(dated));
  }
  return { ...record, streams };
}

function withDue(before: Subscription, version: string | undefined, now: Date): Subscription {
  if (version === undefined || version === before.acknowledged) {
    return before.due === undefined ? before : { ...before, due: undefined };
  }
  return before.due?.version === version ? before : { ...before, due: { version, since: now } };
}

/**
 * Until when a stream's leaf is held back: another stream of the process waits for its bundle, or the process has just
 * come back and has not asked for its bundle yet (Envoy opens its streams again each after a wait of its own). It
 * must be able to verify its peers before it shows a new certificate. Undefined: not held.
 */
export function holdsOf(
  record: ProcessRecord,
  { now, patience }: Moment,
): (streamId: string) => Date | undefined {
  const end = (since: Date): number => since.getTime() + toMs(patience.holdLeaf);
  const holders: { streamId: string | undefined; until: number }[] = [...record.streams].flatMap(
    ([streamId, subscriptions]) =>
      [...subscriptions.values()].flatMap(({ due }) => (due ? { streamId, until: end(due.since) } : [])),
  );
  const { returning } = record;
  if (returning?.bundles.some((name) => !isSubscribed(record, name))) {
    holders.push({ streamId: undefined, until: end(returning.since) });
  }
  const pressing = holders
    .filter(({ until }) => until > now.getTime())
    .sort((one, other) => other.until - one.until);
  return (streamId) => {
    const holder = pressing.find((candidate) => candidate.streamId !== streamId);
    return holder && new Date(holder.until);
  };
}

function companionsOf(record: ProcessRecord, kind: SecretKind | undefined): NameRecord[] {
  const subscribed = new Set([...record.streams.values()].flatMap((names) => [...names.keys()]));
  return [...subscribed]
    .map((name) => nameRecord(record, name))
    .filter((companion) => companion.kind !== undefined && companion.kind !== kind);
}
