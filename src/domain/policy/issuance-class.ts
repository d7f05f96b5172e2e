/** How urgent a leaf is, most urgent first. Computed from what was last issued, never taken from a request. */
export const issuanceClasses = ["emergency", "near-expiry", "first-issue", "routine"] as const;
export type IssuanceClass = (typeof issuanceClasses)[number];

/** Position in the order of urgency: 0 goes first. */
export const rankOf = {
  emergency: 0,
  "near-expiry": 1,
  "first-issue": 2,
  routine: 3,
} as const satisfies Record<IssuanceClass, number>;

/** The last leaf that somebody was given for an identity. */
export type LastLeaf = {
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
  /** The key of its authority is lost: whoever holds it must get another. */
  readonly isDistrusted: boolean;
};

const nearExpiryShare = 1 / 3;

/**
 * Less than a third of its life left is near expiry, and so is one that has expired: its holder is already out of service.
 */
export function classOf(last: LastLeaf | undefined, nowMs: number): IssuanceClass {
  if (last === undefined) return "first-issue";
  if (last.isDistrusted) return "emergency";
  const life = last.notAfterMs - last.issuedAtMs;
  return last.notAfterMs - nowMs < life * nearExpiryShare ? "near-expiry" : "routine";
}

/** These two may use the reserved share of the server's budget. */
export const mayUseReserve = (urgency: IssuanceClass): boolean => rankOf[urgency] <= rankOf["near-expiry"];
