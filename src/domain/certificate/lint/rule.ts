import type { LeafIssuer } from "../leaf-issuer.ts";
import type { LeafTbs } from "../leaf-tbs.ts";
import type { LeafOrder } from "./order.ts";

/** One thing that any leaf under an authority must satisfy. Returns the finding, or undefined when the leaf passes. */
export type GrammarRule = {
  readonly cites: readonly string[];
  /**
   * "form": nothing but what all leaves of one LeafForm share, so that its finding on one of them holds for all. "fields":
   * serial number, dates, key or subject key identifier, too.
   */
  readonly looksAt: "form" | "fields";
  check(leaf: LeafTbs, issuer: LeafIssuer): string | undefined;
};

/** One thing in which a leaf must be what was asked for. Returns the finding, or undefined when the leaf passes. */
export type OrderRule = {
  readonly cites: readonly string[];
  check(leaf: LeafTbs, order: LeafOrder): string | undefined;
};
