import { toMs } from "../../../foundation/duration.ts";
import { leafBackdate, lifetimeMs } from "../validity.ts";
import type { OrderRule } from "./rule.ts";

/** The whole validity, both ends counted, is at most the profile's cap and the backdating. */
export const lifetimeCap: OrderRule = {
  cites: ["RFC 5280 §4.1.2.5", "docs/conformance.md I2"],
  check: (leaf, order) =>
    lifetimeMs(leaf) <= toMs(order.profile.ttlCap) + toMs(leafBackdate)
      ? undefined
      : "the leaf would live longer than its profile allows",
};
