import { sha256Hex } from "../../../foundation/digest.ts";
import { ok, type Result, refused } from "../../../foundation/result.ts";
import type { Der } from "../der.ts";
import { LeafForm } from "../leaf-form.ts";
import type { LeafIssuer } from "../leaf-issuer.ts";
import { type LeafTbs, readLeafOf, readLeafTbs } from "../leaf-tbs.ts";
import { fieldsAsOrdered } from "./fields-as-ordered.ts";
import { fieldsFlaw, grammarFlaw } from "./grammar.ts";
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

const everyOrderRule = Object.values(orderRules);

/**
 * Lints the leaves of one authority, as a rule of one identity under it. Reads back the very bytes that are to be signed and
 * holds them against every rule; the first finding refuses. Policy is judged on these bytes and not on the request:
 * elsewhere, names slipped past checks made on the request's fields. Of a form that has passed, only what may differ from
 * leaf to leaf is read and judged again, which is the same (lint.test.ts).
 */
export class Linter {
  readonly #issuer: LeafIssuer;
  #passed: LeafForm<LeafTbs> | undefined;

  constructor(issuer: LeafIssuer) {
    this.#issuer = issuer;
  }

  lint(tbs: Der, order: LeafOrder): Result<Linted, string> {
    const again = this.#passed && readLeafOf(this.#passed, tbs);
    if (again !== undefined) {
      const flaw = fieldsFlaw(again, this.#issuer) ?? orderFlaw(again, order);
      return flaw === undefined ? ok(new Linted(tbs, sha256Hex(tbs))) : refused(flaw);
    }
    const leaf = readLeafTbs(tbs);
    if (!leaf.ok) return leaf;
    const flaw = grammarFlaw(leaf.value, this.#issuer) ?? orderFlaw(leaf.value, order);
    if (flaw !== undefined) return refused(flaw);
    this.#passed = LeafForm.of(tbs, leaf.value);
    return ok(new Linted(tbs, sha256Hex(tbs)));
  }
}

function orderFlaw(leaf: LeafTbs, order: LeafOrder): string | undefined {
  for (const rule of everyOrderRule) {
    const finding = rule.check(leaf, order);
    if (finding !== undefined) return `${finding} (${rule.cites.join(", ")})`;
  }
  return undefined;
}
