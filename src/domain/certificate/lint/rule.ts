import type { LeafIssuer } from "../leaf-issuer.ts";
import type { LeafTbs } from "../leaf-tbs.ts";
import type { LeafOrder } from "./order.ts";

/** One thing that any leaf under an authority must satisfy. Returns the finding, or undefined when the leaf passes. */
export type GrammarRule = {
  readonly cites: readonly string[];
  check(leaf: LeafTbs, issuer: LeafIssuer): string | undefined;
};

/** One thing in which a leaf must be what was asked for. Returns the finding, or undefined when the leaf passes. */
export type OrderRule = {
  readonly cites: readonly string[];
  check(leaf: LeafTbs, order: LeafOrder): string | undefined;
};
