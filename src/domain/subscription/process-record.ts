import type { SubscriptionEvent } from "./secret.ts";
import type { Verdict, Versioned } from "./stream.ts";

export type SecretKind = "leaf" | "bundle";

/**
 * What is remembered of one process across its streams: Envoy opens one stream per name and config source, yet builds
 * its TLS context from leaf and bundle together, so verdicts only make sense side by side (envoy-sds traps 0.1 and 0.2).
 */
export type ProcessRecord = {
  readonly names: ReadonlyMap<string, NameRecord>;
  readonly streams: ReadonlyMap<string, ReadonlyMap<string, Subscription>>;
  /** Counts verdicts, so that two can be put in order. */
  readonly verdicts: number;
  /** Bundles that the process had before it came back, and when it did. */
  readonly returning: { readonly bundles: readonly string[]; readonly since: Date } | undefined;
};

export type NameRecord = {
  readonly kind: SecretKind | undefined;
  /**
   * Content is encoded with this number from now on (a PEM comment). It rises with each refusal and each response that
   * was cut off, never back: so bytes that the process may have refused are never sent to it again, whatever the content.
   */
  readonly retry: number;
  /** Contents it refused in their last encoding, and when. */
  readonly refused: ReadonlyMap<string, Refusal>;
  readonly firstVerdict: number | undefined;
  readonly lastVerdict: { readonly kind: Verdict["kind"]; readonly order: number } | undefined;
  /** Which content stands behind the version that was last sent. */
  readonly sent: Content | undefined;
};

export type Refusal = { readonly at: Date; readonly order: number };

/** One stream's subscription to one name. */
export type Subscription = {
  readonly acknowledged: string | undefined;
  /** A version that this stream should have acknowledged, and since when. */
  readonly due: { readonly version: string; readonly since: Date } | undefined;
};

/** What a name stands for now. `id` is the same for the same content in any encoding. */
export type Content = Versioned & { readonly kind: SecretKind; readonly id: string };

/** An event before the stream's label is added. */
export type Happened = SubscriptionEvent extends infer Event
  ? Event extends { label: string }
    ? Omit<Event, "label">
    : never
  : never;

export type Recorded = { readonly record: ProcessRecord; readonly events: readonly Happened[] };

export const emptyRecord: ProcessRecord = {
  names: new Map(),
  streams: new Map(),
  verdicts: 0,
  returning: undefined,
};

const rememberedRefusals = 32;

const unknown: NameRecord = {
  kind: undefined,
  retry: 0,
  refused: new Map(),
  firstVerdict: undefined,
  lastVerdict: undefined,
  sent: undefined,
};

export const nameRecord = (record: ProcessRecord, name: string): NameRecord =>
  record.names.get(name) ?? unknown;

/** A record that uses none of the encodings in which these names may have gone out before anybody remembers. */
export function recordOfUnsettled(names: readonly string[], now: Date): ProcessRecord {
  const retry = now.getTime();
  return { ...emptyRecord, names: new Map(names.map((name) => [name, { ...unknown, retry }])) };
}

/** The process comes with its first stream, and had these bundles when it was last here. */
export const withReturning = (
  record: ProcessRecord,
  bundles: readonly string[],
  now: Date,
): ProcessRecord => ({
  ...record,
  returning: bundles.length > 0 ? { bundles, since: now } : undefined,
});

/** Takes in a change of a stream's subscription. Only a process's first and last stream for a name make an event. */
export function changeSubscription(
  record: ProcessRecord,
  streamId: string,
  change: { readonly added: readonly string[]; readonly dropped: readonly string[] },
): Recorded {
  const own = new Map(record.streams.get(streamId));
  for (const name of change.dropped) own.delete(name);
  for (const name of change.added) own.set(name, { acknowledged: undefined, due: undefined });
  const after = { ...record, streams: new Map(record.streams).set(streamId, own) };
  const started = change.added.filter((name) => !isSubscribed(record, name));
  const ended = change.dropped.filter((name) => !isSubscribed(after, name));
  return {
    record: after,
    events: [
      ...started.map((name) => ({ kind: "subscribed" as const, name })),
      ...ended.map((name) => ({ kind: "unsubscribed" as const, name })),
    ],
  };
}

/** Notes what is about to be sent, so that a verdict on its version finds its content. */
export function noteSent(record: ProcessRecord, contents: readonly Content[]): ProcessRecord {
  const names = new Map(record.names);
  for (const content of contents) {
    const before = nameRecord(record, content.name);
    const refused = new Map(before.refused);
    refused.delete(content.id);
    names.set(content.name, { ...before, kind: content.kind, refused, sent: content });
  }
  return { ...record, names };
}

/** Takes in a stream's word on a response. */
export function judge(
  record: ProcessRecord,
  streamId: string,
  judged: { readonly verdict: Verdict; readonly now: Date },
): Recorded {
  const { verdict, now } = judged;
  const order = record.verdicts + 1;
  const names = new Map(record.names);
  const own = new Map(record.streams.get(streamId));
  for (const { name, version } of verdict.secrets) {
    const before = nameRecord(record, name);
    const after = { ...before, firstVerdict: before.firstVerdict ?? order };
    const lastVerdict = { kind: verdict.kind, order };
    const refusal = verdict.kind === "refused" ? withRefusal(before, version, { at: now, order }) : {};
    names.set(name, { ...after, lastVerdict, ...refusal });
    const subscription = own.get(name);
    if (subscription && verdict.kind === "acknowledged") {
      own.set(name, { ...subscription, acknowledged: version });
    }
  }
  const after = { ...record, names, streams: new Map(record.streams).set(streamId, own), verdicts: order };
  return { record: after, events: judgements(after, verdict) };
}

/** A stream ended. What it had not answered may or may not have been refused: it is encoded afresh from now on. */
export function closeStream(
  record: ProcessRecord,
  streamId: string,
  unanswered: readonly Versioned[],
): Recorded {
  const own = record.streams.get(streamId) ?? new Map<string, Subscription>();
  const streams = new Map(record.streams);
  streams.delete(streamId);
  const names = new Map(record.names);
  for (const { name } of unanswered) {
    const before = nameRecord(record, name);
    names.set(name, { ...before, retry: before.retry + 1 });
  }
  const after = { ...record, names, streams };
  const ended = [...own.keys()].filter((name) => !isSubscribed(after, name));
  return { record: after, events: ended.map((name) => ({ kind: "closed", name })) };
}

/** Whether forgetting this record could make bytes be sent twice that were refused once. */
export const worthKeeping = (record: ProcessRecord): boolean =>
  [...record.names.values()].some(({ retry }) => retry > 0);

export const isSubscribed = (record: ProcessRecord, name: string): boolean =>
  [...record.streams.values()].some((names) => names.has(name));

function withRefusal(before: NameRecord, version: string, refusal: Refusal): Partial<NameRecord> {
  const retry = before.retry + 1;
  if (before.sent?.version !== version) return { retry };
  const kept = [...before.refused].slice(-rememberedRefusals + 1);
  return { retry, refused: new Map([...kept, [before.sent.id, refusal]]) };
}

/** A name counts as acknowledged once every stream that asked for it has acknowledged that version. */
function judgements(after: ProcessRecord, verdict: Verdict): readonly Happened[] {
  if (verdict.kind === "refused") {
    return verdict.secrets.map(({ name, version }) => ({
      kind: "refused",
      name,
      version,
      detail: verdict.detail,
    }));
  }
  const everywhere = ({ name, version }: Versioned) =>
    [...after.streams.values()].every(
      (names) => !names.has(name) || names.get(name)?.acknowledged === version,
    );
  return verdict.secrets
    .filter(everywhere)
    .map(({ name, version }) => ({ kind: "acknowledged", name, version }));
}
