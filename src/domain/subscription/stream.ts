/** What one stream may be given under a name at this moment. `silent`: nothing yet, or not now. */
export type Offer =
  | { readonly state: "ready"; readonly kind: "leaf" | "bundle"; readonly version: string }
  | { readonly state: "silent" }
  | { readonly state: "unauthorised" };

export type Offers = (name: string) => Offer;

/** A secret by name and by the SHA-256 of its bytes. */
export type Versioned = { readonly name: string; readonly version: string };

/** Bookkeeping of one xDS stream, SotW or Delta. Lines S1–S14 and D1–D6 are those of docs/conformance.md, "SDS". */
export type Stream = {
  /** Makes nonces of two streams differ, so that one carried over from an older stream is never taken for ours. */
  readonly id: string;
  readonly names: ReadonlySet<string>;
  /** What was last said about each subscribed name: its version, or `removed`. A name that is dropped is forgotten. */
  readonly told: ReadonlyMap<string, string>;
  /** Delta: versions that the client says it holds from an earlier stream. */
  readonly claimed: ReadonlyMap<string, string>;
  readonly begun: boolean;
  readonly responses: number;
  readonly last: Sent | undefined;
  /** The last response has no verdict yet; until it has, nothing else is sent (S4). */
  readonly awaiting: boolean;
};

type Sent = { readonly nonce: string; readonly versions: ReadonlyMap<string, string> };

/** The client's word on one response. */
export type Verdict =
  | { readonly kind: "acknowledged"; readonly secrets: readonly Versioned[] }
  | { readonly kind: "refused"; readonly secrets: readonly Versioned[]; readonly detail: string };

/** What one request changed. */
export type Received = {
  readonly stream: Stream;
  readonly added: readonly string[];
  readonly dropped: readonly string[];
  readonly verdict: Verdict | undefined;
  /** The request answered a response that is not the last one. */
  readonly stale: boolean;
};

export type Response = {
  readonly nonce: string;
  readonly resources: readonly Versioned[];
  readonly removed: readonly string[];
};

const removed = "removed";

export const openStream = (id: string): Stream => ({
  id,
  names: new Set(),
  told: new Map(),
  claimed: new Map(),
  begun: false,
  responses: 0,
  last: undefined,
  awaiting: false,
});

/** Secrets have no wildcard: `*` and an empty list ask for nothing (S9). Each name counts once. */
export const askedNames = (names: readonly string[]): ReadonlySet<string> =>
  new Set(names.filter((name) => name !== "*" && name !== ""));

/** Whether a request's nonce names another response than the last one; on a stream's first request it names nothing. */
export const isStale = (stream: Stream, nonce: string): boolean =>
  stream.begun && nonce !== "" && nonce !== stream.last?.nonce;

/**
 * The verdict in a request whose nonce is that of the last response: refused exactly when it carries an error (S5).
 * An acknowledgement counts only for names still subscribed and not asked for anew since (S10); a refusal for every
 * secret in the response, since the client has seen those bytes. A late refusal counts too, a second ACK does not.
 */
export function verdictOf(
  before: Stream,
  after: Pick<Stream, "told">,
  answer: { readonly nonce: string; readonly refusal: string | undefined },
): Verdict | undefined {
  const { last } = before;
  if (last === undefined || answer.nonce !== last.nonce) return undefined;
  const all = [...last.versions].map(([name, version]) => ({ name, version }));
  if (answer.refusal !== undefined) return { kind: "refused", secrets: all, detail: answer.refusal };
  if (!before.awaiting) return undefined;
  return {
    kind: "acknowledged",
    secrets: all.filter(({ name, version }) => after.told.get(name) === version),
  };
}

/** Secrets that were sent and have no verdict: nobody knows whether the client took them. */
export const unanswered = (stream: Stream): readonly Versioned[] =>
  stream.awaiting && stream.last !== undefined
    ? [...stream.last.versions].map(([name, version]) => ({ name, version }))
    : [];

export type Answer = {
  readonly stream: Stream;
  /** Undefined when there is nothing to say: an empty response is never sent (S3). */
  readonly response: Response | undefined;
  /** Delta: secrets that need not be sent, because the client truly holds these bytes already (D3). */
  readonly confirmed: readonly Versioned[];
};

/** The next response on a stream, if one is due and the last one has its verdict. `protocol` decides on removals (S12, D4). */
export function respond(stream: Stream, offers: Offers, protocol: "sotw" | "delta"): Answer {
  if (stream.awaiting) return { stream, response: undefined, confirmed: [] };
  const due = dueNames(stream, offers, protocol);
  if (due.confirmed.length + due.resources.length + due.removed.length === 0) {
    return { stream, response: undefined, confirmed: [] };
  }
  const told = new Map(stream.told);
  for (const { name, version } of [...due.confirmed, ...due.resources]) told.set(name, version);
  for (const name of due.removed) told.set(name, removed);
  const claimed = new Map([...stream.claimed].filter(([name]) => !told.has(name)));
  const { confirmed, resources } = due;
  if (resources.length === 0 && due.removed.length === 0) {
    return { stream: { ...stream, told, claimed }, response: undefined, confirmed };
  }
  const responses = stream.responses + 1;
  const nonce = `${stream.id}.${responses}`;
  const last = { nonce, versions: new Map(resources.map(({ name, version }) => [name, version])) };
  return {
    stream: { ...stream, told, claimed, responses, last, awaiting: true },
    response: { nonce, resources, removed: due.removed },
    confirmed,
  };
}

/** Bundles stand before leaves, so that a client that applies in order can verify peers before it shows its own. */
function dueNames(stream: Stream, offers: Offers, protocol: "sotw" | "delta") {
  const due = {
    bundle: [] as Versioned[],
    leaf: [] as Versioned[],
    removed: [] as string[],
    confirmed: [] as Versioned[],
  };
  for (const name of stream.names) {
    const offer = offers(name);
    const told = stream.told.get(name);
    if (offer.state === "unauthorised" && protocol === "delta" && told !== removed) due.removed.push(name);
    if (offer.state !== "ready" || told === offer.version) continue;
    const { kind, version } = offer;
    due[stream.claimed.get(name) === version ? "confirmed" : kind].push({ name, version });
  }
  return { resources: [...due.bundle, ...due.leaf], removed: due.removed, confirmed: due.confirmed };
}
