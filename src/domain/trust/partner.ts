import { type Seconds, seconds } from "../../foundation/duration.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";
import { ago } from "./barrier-words.ts";
import { type BundleContent, type HeldBundle, type Holder, isBundle, newHolder } from "./holder.ts";
import { isPast } from "./holder-processes.ts";
import { delivered } from "./holder-updates.ts";

/**
 * A trust domain that federates with ours. It verifies our leaves with the bundle that it fetches from a URL of its own, and presents
 * none of them. Behind the URL are proxies that nobody here sees: only fetches show, and time passes until all of them have it.
 */
export type Partner = {
  readonly trustDomain: TrustDomain;
  /** How long after its fetch the last of its proxies may still use what it fetched before. */
  readonly propagation: Seconds;
};

/** SPIFFE Trust Domain and Bundle §4.1.3: the refresh hint is how often a consumer should look. One missed look, and one to spread it. */
export const defaultPropagation = (refreshHint: Seconds): Seconds => seconds(3 * refreshHint);

const place = { channel: "", name: "bundle" } as const;

/** It has a URL from now on, and has fetched nothing yet. */
export function admitted({ trustDomain, propagation }: Partner, at: Date): Holder {
  const id = `spiffe://${trustDomain}`;
  const who = { agentId: id, spiffeId: id, pid: 0, startTime: "", kind: "partner" } as const;
  return { ...newHolder(who, who.kind, at), propagation };
}

/**
 * The bundle is about to be handed to it; record it before. What its proxies accept shrinks to the anchors that are in this one too.
 * The same content again changes nothing: propagation began with the first time.
 */
export function handed(partner: Holder, content: BundleContent, at: Date): Holder {
  const known = bundleOf(partner);
  if (known?.delivered?.content.version === content.version) return { ...partner, lastSeenAt: at };
  // Whatever it fetched before, it may be using this one from now on: an acknowledgement of the same content before this one is over.
  const given = delivered(withPropagated(partner, at), { ...place, content }, at);
  const secrets = given.secrets.filter(isBundle).map((one) => ({ ...one, acknowledged: undefined }));
  return { ...given, secrets };
}

/** It has fetched the whole of the bundle with this version; a word on any other than the last one handed to it counts for nothing. */
export function fetched(partner: Holder, version: string, at: Date): Holder {
  const known = bundleOf(partner);
  const isFirst = known?.acknowledged?.version !== version;
  if (!known || known.delivered?.content.version !== version || !isFirst)
    return { ...partner, lastSeenAt: at };
  return withBundle(partner, { ...known, acknowledged: { at, version, grade: "returned" } }, at);
}

/** Why some proxy behind the partner may not accept the anchor yet: a sentence's end that follows its name. Undefined when all do. */
export function partnerFlaw(holder: Holder, newAnchor: string, now: Date): string | undefined {
  const { delivered, acknowledged, acceptedAnchors = [] } = bundleOf(holder) ?? {};
  if (acceptedAnchors.includes(newAnchor)) return undefined;
  if (!delivered) return "has never fetched its bundle";
  if (!delivered.content.anchors.includes(newAnchor))
    return `has not fetched the bundle with the new root: it has the one that it fetched ${ago(delivered.at, now)} ago`;
  if (acknowledged?.version !== delivered.content.version)
    return `began to fetch the bundle with the new root ${ago(delivered.at, now)} ago, and has not got the whole of it`;
  if (isPast(acknowledged.at, holder.propagation, now)) return undefined;
  return `fetched the bundle with the new root ${ago(acknowledged.at, now)} ago, which counts after ${holder.propagation} s`;
}

/** What was fetched long enough ago is what all its proxies use. */
function withPropagated(partner: Holder, at: Date): Holder {
  const known = bundleOf(partner);
  if (!known?.delivered || known.acknowledged?.version !== known.delivered.content.version) return partner;
  if (!isPast(known.acknowledged.at, partner.propagation, at)) return partner;
  return withBundle(partner, { ...known, acceptedAnchors: known.delivered.content.anchors }, at);
}

const withBundle = (partner: Holder, bundle: HeldBundle, at: Date): Holder => ({
  ...partner,
  secrets: [bundle],
  lastSeenAt: at,
});

const bundleOf = ({ secrets }: Holder): HeldBundle | undefined => secrets.find(isBundle);
