/**
 * What an operator is shown of a rotation: field for field `meshmint.admin.v1.RotationStatus`, so that the admin
 * protocol passes it on as it is. Times are milliseconds since 1970, 0 for never.
 */
export type RotationStatus = {
  id: string;
  trustDomain: string;
  phase: string;
  paused: boolean;
  sinceMs: number;
  oldAuthority: string;
  newAuthority: string;
  oldAnchorSha256: string;
  newAnchorSha256: string;
  bundleSequence: number;
  actor: string;
  forcedReason: string;
  /** Name it in the next `start`, `activate` or `retire`. */
  revision: number;
  holdersTotal: number;
  holdersPassed: number;
  passedByGrade: { [grade: string]: number };
  laggards: Laggard[];
  leavesOutstanding: number;
  obstacles: string[];
};

/** Somebody that a barrier waits for; `reason` follows the name in a sentence. */
export type Laggard = { holder: string; label: string; kind: string; reason: string; lastSeenMs: number };

/** Why a verb was refused; `message` is a whole sentence that names who or what is in the way. */
export type RotationRefusal = {
  readonly code: "stale-revision" | "wrong-phase" | "behind" | "bad-certificate" | "unknown-key" | "frozen";
  readonly message: string;
};

/** Who acts, and the revision that he saw. `actor` is a SPIFFE ID or `unix:uid=N`. */
export type RotationAct = { readonly actor: string; readonly expectedRevision: number };
