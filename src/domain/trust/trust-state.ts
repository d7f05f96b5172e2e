import type { Der } from "../certificate/der.ts";
import { sameBytes } from "../certificate/hex.ts";
import type { AuthoritiesOf, Authority } from "./authority.ts";
import type { Bundle } from "./bundle.ts";
import type { Incident } from "./incident.ts";
import type { Rotation, RotationPlan } from "./rotation.ts";

/** An authority that signs no more; kept until its leaves are long gone. Only a roll-back lets it sign again. */
export type ClosedAuthority = {
  readonly authority: Authority;
  readonly closedAt: Date;
  /** Id of the rotation that closed it. */
  readonly closedIn?: string;
  /** Its rotation was rolled back: it may be offered to another one. */
  readonly rolledBack?: boolean;
};

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
  /** The last one; undefined when no key was ever lost. */
  readonly incident?: Incident;
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

/** The lists of a set in place of what was there: sequence + 1. */
export const withLists = (bundle: Bundle, lists: readonly Der[]): Bundle => ({
  ...bundle,
  sequence: bundle.sequence + 1,
  lists,
});

/** Both at once: who had one without the other would refuse everything. One sequence further with a change, else the same bundle. */
export function asOne(bundle: Bundle, ...changes: readonly ((bundle: Bundle) => Bundle)[]): Bundle {
  const changed = changes.reduce((last, change) => change(last), bundle);
  return changed === bundle ? bundle : { ...changed, sequence: bundle.sequence + 1 };
}

/** The standby authority with this key id begins to sign; the one that did stands by until it is closed. */
export function withActive(state: TrustState, keyId: string): TrustState {
  const { active, standby, closed } = state.authorities;
  const next = standby.find((authority) => authority.keyId === keyId);
  if (!next) return state;
  const waiting = [...standby.filter((authority) => authority !== next), active];
  return { ...state, authorities: { active: next, standby: waiting, closed } };
}

/** Tells one closing from another: an authority that was rolled back to is closed again later, with other leaves. */
export const closingName = ({ authority, closedIn = "", closedAt }: ClosedAuthority): string =>
  `${authority.keyId}|${closedIn}|${closedAt.getTime()}`;

/** Those authorities, signing or not: an anchor goes only when it goes for all that are under it. */
export const authoritiesOf = (
  { authorities: { active, standby, closed } }: TrustState,
  which: AuthoritiesOf,
): readonly Authority[] => [active, ...standby, ...closed.map(({ authority }) => authority)].filter(which);

export const closedOf = ({ authorities }: TrustState, which: AuthoritiesOf): readonly ClosedAuthority[] =>
  authorities.closed.filter(({ authority }) => which(authority));

/** Whether an intent may still name one of them. */
export const isOpen = ({ authorities: { active, standby } }: TrustState, which: AuthoritiesOf): boolean =>
  [active, ...standby].some(which);

/** Closes those that stand by; the one that signs stays. */
export function withClosed(
  state: TrustState,
  which: AuthoritiesOf,
  closing: Pick<ClosedAuthority, "closedAt" | "closedIn">,
): TrustState {
  const { active, standby, closed } = state.authorities;
  const leaving = standby.filter(which);
  const waiting = standby.filter((authority) => !leaving.includes(authority));
  const gone = leaving.map((authority) => ({ ...closing, authority }));
  return { ...state, authorities: { active, standby: waiting, closed: [...closed, ...gone] } };
}

/** What the rotation closed stands by again, the authority that it replaced above all. */
export function withReopened(
  state: TrustState,
  { id, oldAuthority }: Pick<RotationPlan, "id" | "oldAuthority">,
): TrustState {
  const { active, standby, closed } = state.authorities;
  const back = closed.filter(
    ({ authority, closedIn }) => closedIn === id || authority.keyId === oldAuthority,
  );
  return {
    ...state,
    authorities: {
      active,
      standby: [...standby, ...back.map(({ authority }) => authority)],
      closed: closed.filter((one) => !back.includes(one)),
    },
  };
}

/** The new authority of a rotation that came to nothing. */
export function withRolledBack(state: TrustState, keyId: string): TrustState {
  const { active, standby, closed } = state.authorities;
  const marked = closed.map((one) => (one.authority.keyId === keyId ? { ...one, rolledBack: true } : one));
  return { ...state, authorities: { active, standby, closed: marked } };
}

/** An authority that waits for its rotation; one that was rolled back before starts anew. */
export function withStandby(state: TrustState, authority: Authority): TrustState {
  const { active, standby, closed } = state.authorities;
  const others = closed.filter((one) => one.authority.keyId !== authority.keyId);
  return { ...state, authorities: { active, standby: [...standby, authority], closed: others } };
}
