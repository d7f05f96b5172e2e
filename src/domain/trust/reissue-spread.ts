/** Why leaves are replaced: by plan, or because the key of the authority before is lost. */
export type ReissueCause = "planned" | "incident";

/**
 * The first share of the spread is for node SVIDs, so that they are replaced before the leaves: a quarter, or so much as there
 * are nodes where one in twenty leaves is a node's, since in an incident nobody waits for the sake of order.
 */
export const nodeShare = { planned: 0.25, incident: 0.05 } as const satisfies Record<ReissueCause, number>;

/**
 * Of what the signers carry. By plan the rest is for what is new or near its end. In an incident they are asked for more than they
 * carry, so that they never stand idle; what comes too soon waits in the queue.
 */
const reissueShare = { planned: 0.9, incident: 1.1 } as const satisfies Record<ReissueCause, number>;
const longestMs = 24 * 3_600_000;

export type ReissueLoad = {
  readonly cause: ReissueCause;
  /** To be replaced. */
  readonly leaves: number;
  /** Leaves a second that the signers were seen to carry; undefined while nobody knows. */
  readonly perSecond: number | undefined;
  /** What the operator set for what is planned, in milliseconds: never quicker. */
  readonly leastMs: number;
};

/**
 * Milliseconds over which a fleet replaces its leaves when another authority signs, at most 24 hours. By plan as long as the signers
 * take at nine tenths of what they carry, and no less than the operator said. In an incident as long as they take; while nobody
 * knows that, 0: everybody asks at once, and admission paces them.
 */
export function reissueSpreadMs({ cause, leaves, perSecond, leastMs }: ReissueLoad): number {
  const floorMs = cause === "planned" ? leastMs : 0;
  if (perSecond === undefined) return floorMs;
  const paced = (leaves * 1000) / (perSecond * reissueShare[cause]) / (1 - nodeShare[cause]);
  return Math.min(Math.max(floorMs, Math.ceil(paced)), longestMs);
}
