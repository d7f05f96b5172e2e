import { dependsOn, type HeldBundle, type HeldLeaf, type HeldSecret, type Holder } from "./holder.ts";
import { troubled, untroubled } from "./holder-troubles.ts";
import { proved } from "./holder-updates.ts";

/** A TLS context that a proxy has loaded, as the proxy itself tells. Serial numbers as `serialKey` has them. */
export type LoadedContext = {
  /** Own certificates, with the URIs that each bears. */
  readonly leaves: readonly { readonly serial: string; readonly uris: readonly string[] }[];
  /** Trust anchors, of every trust domain. */
  readonly anchors: readonly string[];
};

/** A serial number in one form: Envoy, Node and we write leading zeros each in another way. */
export const serialKey = (hex: string): string => hex.toLowerCase().replace(/^0+(?=.)/, "");

/** What the agent knows of its trust domain's bundles. */
export type KnownAnchors = {
  /** Serial number by SHA-256 (hexadecimal) of each anchor in the bundle that is handed out now. */
  readonly current: ReadonlyMap<string, string>;
  /** SHA-256 of each revocation list in it, which no proxy shows. */
  readonly lists: ReadonlySet<string>;
  /** Serial numbers of anchors that bundles of before had too. */
  readonly former: ReadonlySet<string>;
};

/**
 * What a look at the loaded contexts says of one acknowledged secret. used: every context concerned has it. unknown: none is
 * concerned, or what is shown is not all that was given. unused: some context has something else instead; `reason` is a
 * sentence's end that follows the process's name.
 */
export type Sight = { readonly secret: HeldSecret; readonly version: string } & (
  | { readonly verdict: "used" | "unknown" }
  | { readonly verdict: "unused"; readonly reason: string }
);

/**
 * Holds what a process has acknowledged against what it has loaded. A context shows no secret's name: those with a certificate
 * of the holder's SPIFFE ID are concerned by its leaves, those with any anchor of ours by its bundles.
 */
export function sightsOf(
  holder: Holder,
  contexts: readonly LoadedContext[],
  anchors: KnownAnchors,
): readonly Sight[] {
  return holder.secrets.filter(isLastWord).map((secret) => {
    const seen =
      secret.kind === "leaf" ? leafSight(secret, holder, contexts) : bundleSight(secret, contexts, anchors);
    return { secret, version: secret.acknowledged?.version ?? "", ...seen };
  });
}

/** The holder as after a look: what is used is proved; what is not, for longer than a proxy needs to apply it, is a trouble. */
export function withSights(
  holder: Holder,
  sights: readonly Sight[],
  look: { readonly at: Date; readonly isOverdue: boolean },
): Holder {
  const after = sights.reduce(withProof, holder);
  const unused = sights.find((sight) => sight.verdict === "unused");
  if (unused === undefined) return untroubled(after, "not-applied");
  return look.isOverdue ? troubled(after, { kind: "not-applied", reason: unused.reason }, look.at) : after;
}

const withProof = (holder: Holder, { secret, version, verdict }: Sight): Holder =>
  verdict === "used" ? proved(holder, { channel: secret.channel, name: secret.name, version }) : holder;

/** The process still asks for the secret, and has acknowledged the last of it that it was given. */
export const isLastWord = (secret: HeldSecret): boolean =>
  dependsOn(secret) &&
  secret.delivered !== undefined &&
  secret.acknowledged?.version === secret.delivered.content.version;

type Seen = { verdict: "used" | "unknown" } | { verdict: "unused"; reason: string };

function leafSight(leaf: HeldLeaf, holder: Holder, contexts: readonly LoadedContext[]): Seen {
  const shown = contexts
    .flatMap(({ leaves }) => leaves)
    .filter(({ uris }) => uris.includes(holder.spiffeId))
    .map(({ serial }) => serial);
  // The same identity may come by two entries, and so by two names: each has a certificate of its own.
  const given = new Set(holder.secrets.flatMap((one) => (one.kind === "leaf" ? serialOf(one) : [])));
  const other = shown.find((serial) => !given.has(serial));
  if (other !== undefined) {
    return {
      verdict: "unused",
      reason: `has acknowledged ${leaf.name}, but its own list of certificates still shows ${other}`,
    };
  }
  return { verdict: shown.some((serial) => serialOf(leaf).includes(serial)) ? "used" : "unknown" };
}

const serialOf = ({ delivered }: HeldLeaf): readonly string[] =>
  delivered ? [serialKey(delivered.content.serial)] : [];

function bundleSight(bundle: HeldBundle, contexts: readonly LoadedContext[], anchors: KnownAnchors): Seen {
  const { current, lists, former } = anchors;
  const given = bundle.delivered?.content.anchors ?? [];
  // Of content that is no more handed out the serial numbers are not at hand.
  const isCurrent = given.every((part) => current.has(part) || lists.has(part));
  if (!isCurrent || given.length === 0) return { verdict: "unknown" };
  const wanted = given.flatMap((part) => current.get(part) ?? []);
  const ours = new Set([...current.values(), ...former]);
  const concerned = contexts.filter((context) => context.anchors.some((serial) => ours.has(serial)));
  const lacking = concerned.filter((context) => !wanted.every((serial) => context.anchors.includes(serial)));
  if (lacking.length > 0) {
    const where = `${lacking.length} of its ${concerned.length} TLS contexts`;
    const reason = `has acknowledged ${bundle.name}, but by its own list of certificates ${where} lack a root of it`;
    return { verdict: "unused", reason };
  }
  const showsAll = given.every((part) => current.has(part));
  return { verdict: concerned.length > 0 && showsAll ? "used" : "unknown" };
}
