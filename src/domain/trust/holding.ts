import { dependsOn, type HeldSecret, type Holder, isLeaf } from "./holder.ts";

/** What a person asks of a holder: how old is what it uses, when does it end, and what did it say last that was no acceptance? */
export type Holding = {
  /** Since when it uses its bundle; of several, the oldest. Undefined for none. */
  readonly bundleSince: Date | undefined;
  /** Since when it uses its certificate, or, where it has not taken the newest, certificates of the same authority. */
  readonly certificateSince: Date | undefined;
  /** When the last certificate ends that it was ever given here. */
  readonly certificateEnds: Date | undefined;
  /** The newest refusal that stands: what was refused, and in the holder's own words why. */
  readonly lastError: { readonly secret: string; readonly reason: string; readonly at: Date } | undefined;
};

export function holdingOf({ secrets }: Holder): Holding {
  const inUse = secrets.filter(dependsOn);
  const refusals = inUse.flatMap(({ name, refusal }) => (refusal ? [{ secret: name, ...refusal }] : []));
  return {
    bundleSince: earliest(inUse.filter(({ kind }) => kind === "bundle").map(usedSince)),
    certificateSince: earliest(inUse.filter(({ kind }) => kind === "leaf").map(usedSince)),
    certificateEnds: latest(secrets.filter(isLeaf).map(({ lastNotAfter }) => lastNotAfter)),
    lastError: refusals.toSorted((a, b) => b.at.getTime() - a.at.getTime())[0],
  };
}

/** Until a delivery is taken, what was taken before is in use. */
function usedSince({ delivered, acknowledged }: HeldSecret): Date | undefined {
  const isTaken = acknowledged === undefined || acknowledged.version === delivered?.content.version;
  return isTaken ? delivered?.at : acknowledged.at;
}

type Moments = readonly (Date | undefined)[];

const earliest = (moments: Moments): Date | undefined =>
  moments.reduce((first, moment) => (moment && (!first || moment < first) ? moment : first), undefined);

const latest = (moments: Moments): Date | undefined =>
  moments.reduce((last, moment) => (moment && (!last || moment > last) ? moment : last), undefined);
