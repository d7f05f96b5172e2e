/** The first quarter of the spread is for node SVIDs, so that they are replaced before the leaves. */
export const nodeShare = 0.25;

/** Of what the signers carry: the rest is for what is new or near its end. */
const reissueShare = 0.9;
const longestMs = 24 * 3_600_000;

export type ReissueLoad = {
  /** To be replaced. */
  readonly leaves: number;
  /** Leaves a second that the signers were seen to carry; undefined while nobody knows. */
  readonly perSecond: number | undefined;
  /** What the operator set, in milliseconds: never quicker. */
  readonly leastMs: number;
};

/**
 * Milliseconds over which a fleet replaces its leaves when another authority signs: as long as the signers take for them at
 * nine tenths of what they carry, at most 24 hours.
 */
export function reissueSpreadMs({ leaves, perSecond, leastMs }: ReissueLoad): number {
  if (perSecond === undefined) return leastMs;
  const paced = (leaves * 1000) / (perSecond * reissueShare) / (1 - nodeShare);
  return Math.min(Math.max(leastMs, Math.ceil(paced)), longestMs);
}
