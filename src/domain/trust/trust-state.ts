import type { Der } from "../certificate/der.ts";
import { sameBytes } from "../certificate/hex.ts";
import type { Authority } from "./authority.ts";
import type { Bundle } from "./bundle.ts";
import type { Rotation } from "./rotation.ts";

/** An authority that once signed and never will again in this role; kept until its leaves are long gone. */
export type ClosedAuthority = { readonly authority: Authority; readonly closedAt: Date };

/**
 * What decides whom a trust domain trusts and who signs for it: one value, stored and replaced as one, so that no crash
 * leaves a bundle of one step beside an authority of another.
 */
export type TrustState = {
  /** Rises by one with each stored change: compare-and-set. 0 is "nothing stored yet". */
  readonly revision: number;
  readonly bundle: Bundle;
  readonly authorities: {
    /** The one that signs. Exactly one, by its type. */
    readonly active: Authority;
    /** May sign again or soon: the new one before its activation, the old one until it is closed. */
    readonly standby: readonly Authority[];
    readonly closed: readonly ClosedAuthority[];
  };
  readonly rotation: Rotation;
};

/** The state at a server's first start, when the configuration names its authority. */
export const firstState = (authority: Authority, bundle: Bundle, at: Date): TrustState => ({
  revision: 0,
  bundle,
  authorities: { active: authority, standby: [], closed: [] },
  rotation: { phase: "idle", since: at },
});

/** Adds the anchor in front (Envoy before its #47405 hashes only the first): sequence + 1 with a change, else none. */
export function withAnchor(bundle: Bundle, anchor: Der): Bundle {
  if (bundle.anchors.some((known) => sameBytes(known, anchor))) return bundle;
  return { ...bundle, sequence: bundle.sequence + 1, anchors: [anchor, ...bundle.anchors] };
}

export function withoutAnchor(bundle: Bundle, isAnchor: (anchor: Der) => boolean): Bundle {
  const anchors = bundle.anchors.filter((anchor) => !isAnchor(anchor));
  return anchors.length === bundle.anchors.length
    ? bundle
    : { ...bundle, sequence: bundle.sequence + 1, anchors };
}

/** The standby authority with this key id begins to sign; the one that did stands by until it is closed. */
export function withActive(state: TrustState, keyId: string): TrustState {
  const { active, standby, closed } = state.authorities;
  const next = standby.find((authority) => authority.keyId === keyId);
  if (!next) return state;
  const waiting = [...standby.filter((authority) => authority !== next), active];
  return { ...state, authorities: { active: next, standby: waiting, closed } };
}

export function withClosed(state: TrustState, keyId: string, closedAt: Date): TrustState {
  const { active, standby, closed } = state.authorities;
  const authority = standby.find((waiting) => waiting.keyId === keyId);
  if (!authority) return state;
  const rest = standby.filter((waiting) => waiting !== authority);
  return { ...state, authorities: { active, standby: rest, closed: [...closed, { authority, closedAt }] } };
}
