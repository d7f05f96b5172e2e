import { oid } from "../oid.ts";
import type { GrammarRule } from "./rule.ts";

/** cA is FALSE, said critically, and no path length is given. */
export const notCa: GrammarRule = {
  cites: ["X509-SVID §4.1", "RFC 5280 §4.2.1.9"],
  looksAt: "form",
  check: (leaf) => {
    const constraints = leaf.extensions.basicConstraints;
    const critical = leaf.extensions.list.some(
      ({ oid: id, critical }) => id === oid.basicConstraints && critical,
    );
    if (constraints === undefined || !critical) return "basicConstraints is missing or not critical";
    return constraints.ca || constraints.pathLength !== undefined ? "a leaf must have cA FALSE" : undefined;
  },
};
