import type { Authority } from "./authority.ts";
import { coveredUntil, issuesUntil, lastsFrom, nextDue, type ScheduleTerms } from "./rotation-schedule.ts";
import type { TrustState } from "./trust-state.ts";

/** `ending`: the present intermediate is near its end, and none can follow it. */
export type StockLevel = "enough" | "low" | "empty" | "ending";

export type StockStanding = {
  readonly level: StockLevel;
  /** Those that could sign for a while. */
  readonly inStock: number;
  /** What an operator has to do about it; "" for enough. */
  readonly advice: string;
};

type Question = {
  readonly state: TrustState;
  /** All that could follow the present one now, however soon they end. */
  readonly stock: readonly Authority[];
  readonly terms: ScheduleTerms;
  readonly now: Date;
};

/** Below this a ceremony is called for: an incident takes one, and so may the schedule on the same day. */
const enough = 2;
const remedy =
  "hold `meshmint ceremony intermediate` in the token of each signer; what it makes is in stock within a minute";

/** How long the stock lasts, and what is to be done. */
export function standingOf({ state, stock, terms, now }: Question): StockStanding {
  const { active } = state.authorities;
  const lasting = stock.filter((one) => lastsFrom(one, now, terms));
  const inStock = lasting.length;
  const end = issuesUntil(active, terms);
  if (lasting.length === 0 && !lastsFrom(active, now, terms)) {
    const until =
      end > now ? `issues its longest leaf until ${end.toISOString()}` : "has ended for the longest leaf";
    return {
      level: "ending",
      inStock,
      advice: `${active.keyId} ${until}, and none can follow it: ${remedy}`,
    };
  }
  if (inStock >= enough) return { level: "enough", inStock, advice: "" };
  const { at } = coveredUntil(state, lasting, terms);
  const overdue = nextDue(state, terms).at <= now && inStock === 0;
  const until = overdue
    ? `the next has been due since ${at.toISOString()}`
    : `it lasts until ${at.toISOString()}`;
  const level = inStock === 0 ? "empty" : "low";
  const count = inStock === 0 ? "no intermediate is" : "1 intermediate is";
  return { level, inStock, advice: `${count} left in stock, ${until}: ${remedy}` };
}
