import type { IntermediateStock, StockItem } from "../../control/rotation/intermediate-stock.ts";
import type { RotationSchedule } from "../../control/rotation/rotation-schedule.ts";
import type { StockItem as ItemMessage } from "../../generated/meshmint/admin/v1/StockItem.ts";
import type { StockSummary } from "../../generated/meshmint/admin/v1/StockSummary.ts";
import type { AdminHandlers } from "./handler.ts";

/** What the signers' tokens hold, and what the schedule makes of it. */
export type StockPort = Pick<RotationSchedule, "standing" | "plan" | "count">;

/** As many as a message carries with room to spare; tokens of ours hold some dozens. */
const mostItems = 4096;

export const stockHandlers = ({ stock }: { readonly stock: StockPort }): AdminHandlers<"GetStock"> => ({
  async GetStock(_request, { signal }) {
    const counted = await stock.count(signal);
    return { ...reportOf(counted), summary: stockSummary(stock) };
  },
});

/** Answered from memory. */
export function stockSummary(stock: Pick<StockPort, "standing" | "plan">): StockSummary {
  const standing = stock.standing();
  const { dueAt, held } = stock.plan();
  return {
    inStock: standing?.inStock ?? 0,
    countedAtMs: standing?.countedAt.getTime() ?? 0,
    level: standing?.level ?? "unknown",
    advice: standing?.advice ?? "",
    dueAtMs: dueAt?.getTime() ?? 0,
    held: held ?? "",
  };
}

const reportOf = ({ items, away }: IntermediateStock) => ({
  items: items.slice(0, mostItems).map(itemMessage),
  away: [...away],
});

const itemMessage = ({ notBefore, notAfter, signers, ...item }: StockItem): ItemMessage => ({
  ...item,
  notBeforeMs: notBefore?.getTime() ?? 0,
  notAfterMs: notAfter?.getTime() ?? 0,
  signers: [...signers],
});
