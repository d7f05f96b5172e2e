import { sameBytes, toHex } from "../hex.ts";
import type { OrderRule } from "./rule.ts";

/** The key that the request proved, and the serial number and dates that the intent will record. */
export const fieldsAsOrdered: OrderRule = {
  cites: ["docs/conformance.md I12", "RFC 5280 §4.1.2"],
  check: (leaf, order) => {
    if (!sameBytes(leaf.spki, order.spki)) return "the key is not the request's";
    if (leaf.serial !== toHex(order.serial)) return "the serial number is not the intent's";
    const { notBefore, notAfter } = order.validity;
    const same =
      leaf.notBefore.getTime() === notBefore.getTime() && leaf.notAfter.getTime() === notAfter.getTime();
    return same ? undefined : "the validity is not the intent's";
  },
};
