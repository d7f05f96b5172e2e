import { type Seconds, toMs } from "../../foundation/duration.ts";
import type { Authority } from "./authority.ts";
import { isUnderWay, type Rotation, replacesRoot } from "./rotation.ts";
import type { TrustState } from "./trust-state.ts";

/** When intermediates follow each other by themselves. */
export type ScheduleTerms = {
  /** False: an operator starts every rotation. */
  readonly automatic: boolean;
  /** From one intermediate to the next; undefined: each signs for as long as it lasts. */
  readonly every: Seconds | undefined;
  /** The next one is due this long before the present one can issue the longest leaf no more. */
  readonly margin: Seconds;
  readonly longestLeaf: Seconds;
};

type Life = Pick<Authority, "keyId" | "notAfter">;
type Scheduled = Pick<TrustState, "rotation" | "incident"> & {
  readonly authorities: { readonly active: Life };
};

/** Why the next intermediate is due: its turn has come, or the present one is near its end. */
type Because = "interval" | "end";
export type Due = { readonly at: Date; readonly because: Because };

/** A leaf is never cut short: from here on the longest is refused. */
export const issuesUntil = ({ notAfter }: Life, { longestLeaf }: ScheduleTerms): Date =>
  new Date(notAfter.getTime() - toMs(longestLeaf));

const endsAt = (authority: Life, terms: ScheduleTerms): Date =>
  new Date(issuesUntil(authority, terms).getTime() - toMs(terms.margin));

/**
 * When the next intermediate is due. All of it is stored: a server that starts anew comes to the same moment, whatever its clock did
 * meanwhile. A draw counts from its start where that is later than its activation, so that a clock that went back between the two
 * does not make the next one due again.
 */
export function nextDue({ authorities, rotation }: Scheduled, terms: ScheduleTerms): Due {
  const end: Due = { at: endsAt(authorities.active, terms), because: "end" };
  if (terms.every === undefined) return end;
  const turn = new Date(lastChange(rotation).getTime() + toMs(terms.every));
  return turn < end.at ? { at: turn, because: "interval" } : end;
}

function lastChange(rotation: Rotation): Date {
  if (rotation.phase === "idle") return rotation.since;
  const { startedAt } = rotation.plan;
  if (!("activatedAt" in rotation)) return startedAt;
  return new Date(Math.max(rotation.activatedAt.getTime(), startedAt.getTime()));
}

/** Why the schedule starts nothing whatever is due, as a sentence; undefined when it would. */
export function whyHeld({ rotation, incident }: Scheduled, terms: ScheduleTerms): string | undefined {
  if (!terms.automatic) return "rotation.schedule.automatic is false: an operator starts each rotation";
  if (isUnderWay(rotation)) {
    const stopped = rotation.paused === undefined ? rotation.phase : "paused";
    return `rotation ${rotation.plan.id} is under way (${stopped})`;
  }
  if (incident !== undefined && incident.stage !== "closed")
    return `the incident of ${incident.authority} is not over (${incident.stage})`;
  if (rotation.phase === "idle" && rotation.rolledBack && !replacesRoot(rotation.rolledBack.plan)) {
    const { by, reason, plan } = rotation.rolledBack;
    return `${by} has rolled ${plan.newAuthority} back (${JSON.stringify(reason)}): start the next one by hand`;
  }
  return undefined;
}

/** Whether it could sign for a while: one that was due again at once is no use in a stock. */
export const lastsFrom = (authority: Life, at: Date, terms: ScheduleTerms): boolean =>
  endsAt(authority, terms) > at;

/**
 * The one that follows: of those that last the one that ends first, so that none goes to waste. Where the present one is near its
 * end and none lasts, the one that ends last, if that is later: it buys time. The same for everybody who asks.
 */
export function chooseNext<Candidate extends Life>(
  active: Life,
  stock: readonly Candidate[],
  due: Due & { readonly terms: ScheduleTerms },
): Candidate | undefined {
  const ordered = [...stock].sort(byEnd);
  const lasting = ordered.find((candidate) => lastsFrom(candidate, due.at, due.terms));
  if (lasting !== undefined || due.because === "interval") return lasting;
  const last = ordered.at(-1);
  return last !== undefined && last.notAfter > active.notAfter ? last : undefined;
}

const byEnd = (one: Life, other: Life): number =>
  one.notAfter.getTime() - other.notAfter.getTime() || (one.keyId < other.keyId ? -1 : 1);

/** Until when the schedule goes on with this stock: then one is due, and none is there that lasts. */
export function coveredUntil(state: Scheduled, stock: readonly Life[], terms: ScheduleTerms): Due {
  let due = nextDue(state, terms);
  let left = stock;
  for (;;) {
    const next = chooseNext({ keyId: "", notAfter: due.at }, left, { ...due, because: "interval", terms });
    if (next === undefined) return due;
    left = left.filter((one) => one !== next);
    const since = { phase: "idle", since: due.at } as const;
    due = nextDue({ authorities: { active: next }, rotation: since }, terms);
  }
}
