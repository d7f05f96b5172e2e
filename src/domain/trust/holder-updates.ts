import type { Grade, HeldSecret, Holder, SecretContent } from "./holder.ts";

/** One secret of a holder: `channel` is the stream, `name` the resource on it. */
export type Place = { readonly channel: string; readonly name: string };

/** A reconnect may be seen before the close that it follows; a stream opened longer before the close is another one. */
const reconnectWindowMs = 10_000;

/**
 * The stream asks for the secret. A reconnect takes over the copy of the name that closed first, one for one: the
 * process still holds what that copy was given, and what it accepted.
 */
export function subscribed(
  holder: Holder,
  place: Place & { readonly kind: SecretContent["kind"] },
  at: Date,
): Holder {
  const known = find(holder, place) ?? firstClosed(holder, place);
  const opened = known?.kind === place.kind && !isEnded(known) ? reopen(known, place) : fresh(place, at);
  const others = holder.secrets.filter((secret) => secret !== known);
  return { ...holder, secrets: [...others, keepLastEnd(opened, known)], lastSeenAt: at };
}

/**
 * Content is about to be written to the stream; record it before the write. What the holder accepted shrinks to the
 * anchors that are in this content too: it may use either, and a refused bundle can still go live in Envoy.
 */
export function delivered(
  holder: Holder,
  delivery: Place & { readonly content: SecretContent },
  at: Date,
): Holder {
  const { content } = delivery;
  const ready = hasOpen(holder, delivery, content.kind)
    ? holder
    : subscribed(holder, { ...delivery, kind: content.kind }, at);
  return change(ready, { place: delivery, at }, (secret) => deliver(secret, content, at));
}

/** The holder took the delivery with this version. A verdict on any other version than the last one sent counts for nothing. */
export function acknowledged(
  holder: Holder,
  ack: Place & { readonly version: string; readonly grade: Grade },
  at: Date,
): Holder {
  return change(holder, { place: ack, at }, (secret) =>
    secret.delivered?.content.version === ack.version ? acknowledge(secret, ack.grade, at) : secret,
  );
}

/** The holder was seen to use the version that it has acknowledged. Of any other version the sight proves nothing. */
export function proved(holder: Holder, seen: Place & { readonly version: string }): Holder {
  const known = find(holder, seen);
  const { acknowledged: ack, delivered: given } = known ?? {};
  const isLast = ack?.version === seen.version && given?.content.version === seen.version;
  if (!known || !isLast || ack.grade === "proved") return holder;
  const secrets = holder.secrets.map((secret) => (secret === known ? withGrade(secret, "proved") : secret));
  return { ...holder, secrets };
}

/** The holder refused the delivery with this version; what it accepted before stays as far as that delivery left it. */
export function refused(
  holder: Holder,
  nack: Place & { readonly version: string; readonly reason: string },
  at: Date,
): Holder {
  return change(holder, { place: nack, at }, (secret) =>
    secret.delivered?.content.version === nack.version
      ? { ...secret, refusal: { reason: nack.reason, at } }
      : secret,
  );
}

/** The secret was taken back from the stream (delta `removed_resources`): nothing that it accepted counts any more. */
export function withdrawn(holder: Holder, place: Place, at: Date): Holder {
  return change(holder, { place, at }, (secret) =>
    secret.kind === "bundle" ? { ...secret, acceptedAnchors: [] } : secret,
  );
}

/** The stream gave the name up: the process no longer depends on this copy. */
export function unsubscribed(holder: Holder, place: Place, at: Date): Holder {
  return change(holder, { place, at }, (secret) => ({ ...secret, left: { how: "unsubscribed", at } }));
}

/** A stream of the process ended, for whatever reason: its copies stay held until a new stream takes them over. */
export function streamClosed(holder: Holder, channel: string, at: Date): Holder {
  const mine = holder.secrets.filter((secret) => secret.channel === channel && !secret.left);
  return mine.reduce((left, copy) => closeCopy(left, copy, at), { ...holder, lastSeenAt: at });
}

/** The agent restarted: no stream of before is open, and all that was handed out counts as held. */
export function allStreamsClosed(holder: Holder, at: Date): Holder {
  const secrets = holder.secrets.map((secret) =>
    secret.left ? secret : { ...secret, left: { how: "closed", at } as const },
  );
  return { ...holder, secrets };
}

/** The process has exited (pid and start time, as its agent saw). Final. */
export const gone = (holder: Holder, at: Date): Holder => ({ ...holder, gone: true, lastSeenAt: at });

function change(
  holder: Holder,
  where: { readonly place: Place; readonly at: Date },
  update: (secret: HeldSecret) => HeldSecret,
): Holder {
  const known = find(holder, where.place);
  const secrets = holder.secrets.map((secret) => (secret === known ? update(secret) : secret));
  return { ...holder, secrets, lastSeenAt: where.at };
}

function deliver(secret: HeldSecret, content: SecretContent, at: Date): HeldSecret {
  if (secret.kind === "bundle" && content.kind === "bundle") {
    const acceptedAnchors = secret.acceptedAnchors.filter((anchor) => content.anchors.includes(anchor));
    return { ...secret, delivered: { at, content }, acceptedAnchors, refusal: undefined };
  }
  if (secret.kind === "leaf" && content.kind === "leaf") {
    const lastNotAfter = later(secret.lastNotAfter, content.notAfter);
    const liveAuthorities = [...new Set([...secret.liveAuthorities, content.authorityKeyId])];
    return { ...secret, delivered: { at, content }, lastNotAfter, liveAuthorities, refusal: undefined };
  }
  return secret;
}

function acknowledge(secret: HeldSecret, grade: Grade, at: Date): HeldSecret {
  if (secret.kind === "bundle") {
    if (!secret.delivered) return secret;
    const { version, anchors } = secret.delivered.content;
    return {
      ...secret,
      acknowledged: { at, version, grade },
      acceptedAnchors: anchors,
      refusal: undefined,
    };
  }
  if (!secret.delivered) return secret;
  const { version, serial, authorityKeyId } = secret.delivered.content;
  // A renewal under the same authority, or the same again after a reconnect, begins nothing anew: where certificates live for
  // minutes somebody has always just taken one.
  const hasStood = secret.liveAuthorities.every((one) => one === secret.acknowledged?.authorityKeyId);
  const since = hasStood ? (secret.acknowledged?.at ?? at) : at;
  return {
    ...secret,
    acknowledged: { at: since, version, grade, serial, authorityKeyId },
    liveAuthorities: [authorityKeyId],
    refusal: undefined,
  };
}

function withGrade(secret: HeldSecret, grade: Grade): HeldSecret {
  // Each kind apart: what is acknowledged has a type of its own in each.
  if (secret.kind === "bundle") {
    return { ...secret, acknowledged: secret.acknowledged && { ...secret.acknowledged, grade } };
  }
  return { ...secret, acknowledged: secret.acknowledged && { ...secret.acknowledged, grade } };
}

function closeCopy(holder: Holder, closing: HeldSecret, at: Date): Holder {
  const heir = holder.secrets.find((other) => isReconnectOf(other, closing, at));
  const kept = holder.secrets.filter((other) => other !== closing && other !== heir);
  if (!heir) return { ...holder, secrets: [...kept, { ...closing, left: { how: "closed", at } }] };
  const inherited = heir.delivered ? { ...heir, openedAt: closing.openedAt } : reopen(closing, heir);
  return { ...holder, secrets: [...kept, keepLastEnd(inherited, closing)] };
}

const isReconnectOf = (other: HeldSecret, closed: HeldSecret, at: Date): boolean =>
  other !== closed &&
  other.name === closed.name &&
  other.kind === closed.kind &&
  other.left === undefined &&
  other.openedAt > closed.openedAt &&
  at.getTime() - other.openedAt.getTime() <= reconnectWindowMs;

const find = (holder: Holder, place: Place): HeldSecret | undefined =>
  holder.secrets.find((secret) => secret.channel === place.channel && secret.name === place.name);

const hasOpen = (holder: Holder, place: Place, kind: SecretContent["kind"]): boolean => {
  const known = find(holder, place);
  return known !== undefined && known.kind === kind && known.left === undefined;
};

function firstClosed(holder: Holder, place: Place): HeldSecret | undefined {
  const left = holder.secrets.filter((secret) => secret.name === place.name && secret.left);
  const inOrder = left.toSorted((a, b) => leftRank(a) - leftRank(b));
  return inOrder[0];
}

/** Closed copies before unsubscribed ones, each kind in the order of time. */
const leftRank = (secret: HeldSecret): number =>
  (secret.left?.at.getTime() ?? 0) + (isEnded(secret) ? Number.MAX_SAFE_INTEGER / 2 : 0);

const isEnded = (secret: HeldSecret): boolean => secret.left?.how === "unsubscribed";

const reopen = (secret: HeldSecret, place: Place): HeldSecret => ({
  ...secret,
  channel: place.channel,
  left: undefined,
});

function fresh(place: Place & { readonly kind: SecretContent["kind"] }, at: Date): HeldSecret {
  const start = {
    name: place.name,
    channel: place.channel,
    openedAt: at,
    left: undefined,
    refusal: undefined,
  };
  const empty = { delivered: undefined, acknowledged: undefined } as const;
  return place.kind === "bundle"
    ? { kind: "bundle", ...start, ...empty, acceptedAnchors: [] }
    : { kind: "leaf", ...start, ...empty, lastNotAfter: undefined, liveAuthorities: [] };
}

/** A process that was given a leaf may present it until it ends, whichever copy it came by. */
function keepLastEnd(secret: HeldSecret, before: HeldSecret | undefined): HeldSecret {
  if (secret.kind !== "leaf" || before?.kind !== "leaf" || !before.lastNotAfter) return secret;
  return { ...secret, lastNotAfter: later(secret.lastNotAfter, before.lastNotAfter) };
}

const later = (a: Date | undefined, b: Date): Date => (a && a > b ? a : b);
