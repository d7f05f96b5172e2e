import { sha256Hex } from "../../../foundation/digest.ts";
import { ok, type Result, refused } from "../../../foundation/result.ts";
import type { Der } from "../der.ts";
import type { LeafIssuer } from "../leaf-issuer.ts";
import { readLeafTbs } from "../leaf-tbs.ts";
import { fieldsAsOrdered } from "./fields-as-ordered.ts";
import { grammarFlaw } from "./grammar.ts";
import { lifetimeCap } from "./lifetime-cap.ts";
import { Linted } from "./linted.ts";
import { namesAsOrdered } from "./names-as-ordered.ts";
import type { LeafOrder } from "./order.ts";
import type { OrderRule } from "./rule.ts";

export const orderRules: Readonly<Record<string, OrderRule>> = {
  namesAsOrdered,
  fieldsAsOrdered,
  lifetimeCap,
};

/**
 * Reads back the very bytes that are to be signed and holds them against every rule; the first finding refuses. Policy
 * is judged on these bytes and not on the request: elsewhere, names slipped past checks made on the request's fields.
 */
export function lint(tbs: Der, issuer: LeafIssuer, order: LeafOrder): Result<Linted, string> {
  const leaf = readLeafTbs(tbs);
  if (!leaf.ok) return leaf;
  const flaw = grammarFlaw(leaf.value, issuer);
  if (flaw !== undefined) return refused(flaw);
  for (const rule of Object.values(orderRules)) {
    const finding = rule.check(leaf.value, order);
    if (finding !== undefined) return refused(`${finding} (${rule.cites.join(", ")})`);
  }
  return ok(new Linted(tbs, sha256Hex(tbs)));
}
