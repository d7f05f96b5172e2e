import { nodeShare, type ReissueCause } from "../../domain/trust/reissue-spread.ts";
import type { Random } from "../../foundation/random.ts";
import { stableShare } from "../../foundation/stable-share.ts";

/** Renewal falls between 40 % and 60 % of the life that was left when the SVID came; where exactly is stable per SVID. */
const earliestShare = 0.4;
const latestShare = 0.6;

export function renewalMoment(
  svid: { readonly obtainedAt: Date; readonly notAfter: Date },
  name: string,
): number {
  const from = svid.obtainedAt.getTime();
  const life = Math.max(svid.notAfter.getTime() - from, 0);
  return from + life * (earliestShare + stableShare(`renew ${name}`) * (latestShare - earliestShare));
}

/** Another authority signs now: everything under an old one is replaced within the spread. */
export type AuthorityNotice = {
  readonly activeKeyId: string;
  readonly reissueSpreadMs: number;
  /** The key of the authority before is lost. */
  readonly emergency: boolean;
  /** When this agent learned of it, in milliseconds since the epoch. */
  readonly learnedAtMs: number;
};

const causeOf = ({ emergency }: AuthorityNotice): ReissueCause => (emergency ? "incident" : "planned");

export const nodeReissueMoment = (notice: AuthorityNotice, name: string): number =>
  notice.learnedAtMs + notice.reissueSpreadMs * nodeShare[causeOf(notice)] * stableShare(`reissue ${name}`);

/** For one leaf alone, which came after the notice. */
export const leafReissueMoment = (notice: AuthorityNotice, name: string): number =>
  atShare(notice, stableShare(`reissue ${name}`));

type Lasting = { readonly notAfter: Date };

/**
 * Who is replaced first: what ends first. In an incident what would depend on the lost key longest: what ends soon is renewed in any
 * case, and until the last leaf is replaced the lost authority cannot be taken away.
 */
export const inReissueOrder =
  ({ emergency }: AuthorityNotice) =>
  (a: Lasting, b: Lasting): number =>
    (a.notAfter.getTime() - b.notAfter.getTime()) * (emergency ? -1 : 1);

/**
 * For all leaves of a node, in milliseconds since the epoch by name: in their order, at even steps, each at a stable place within its
 * own, so that nodes do not ask in step.
 */
export function leafReissueMoments(
  notice: AuthorityNotice,
  leaves: readonly { readonly name: string; readonly notAfter: Date }[],
): ReadonlyMap<string, number> {
  const inOrder = leaves.toSorted(inReissueOrder(notice));
  return new Map(
    inOrder.map(({ name }, at) => [
      name,
      atShare(notice, (at + stableShare(`reissue ${name}`)) / inOrder.length),
    ]),
  );
}

function atShare(notice: AuthorityNotice, share: number): number {
  const nodes = nodeShare[causeOf(notice)];
  return notice.learnedAtMs + notice.reissueSpreadMs * (nodes + (1 - nodes) * share);
}

const firstRetryMs = 250;
const lastRetryMs = 30_000;

/**
 * How long to wait after the `failures`-th failure in a row (from 1): doubling from 250 ms to 30 s, of which the upper
 * half is chance, so that a fleet does not come back in step.
 */
export function retryDelayMs(failures: number, random: Random): number {
  const whole = Math.min(firstRetryMs * 2 ** Math.min(failures - 1, 20), lastRetryMs);
  const [byte = 0] = random.bytes(1);
  return Math.round(whole * (0.5 + byte / 512));
}

const longestNamedMs = 5 * 60_000; // a server may ask for patience, not for leaves to expire
const spread = 0.25;
/** A server that names a time knows its load: from then on our own patience grows no further. */
const mostFailuresCounted = 4;

/**
 * How long to wait where the server named a time: never shorter than that, of which at most five minutes count, and by chance up to a
 * quarter longer, so that those who were sent away together do not come back together.
 */
export function namedDelayMs(retryAfterMs: number, failures: number, random: Random): number {
  const named = Math.min(retryAfterMs, longestNamedMs);
  const chance = new DataView(random.bytes(4).slice().buffer).getUint32(0) / 2 ** 32;
  const own = retryDelayMs(Math.min(failures, mostFailuresCounted), random);
  return Math.max(Math.ceil(named * (1 + spread * chance)), own);
}
