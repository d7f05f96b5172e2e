import type { GrammarRule } from "./rule.ts";

/** The validity runs forward and lies within the authority's: a chain is valid only where all of it is. */
export const withinIssuer: GrammarRule = {
  cites: ["RFC 5280 §4.1.2.5", "RFC 5280 §6.1.3"],
  looksAt: "fields",
  check: (leaf, issuer) => {
    if (leaf.notAfter < leaf.notBefore) return "notAfter is before notBefore";
    if (leaf.notAfter > issuer.notAfter) return "the leaf would outlive its authority";
    return leaf.notBefore < issuer.notBefore ? "the leaf would be valid before its authority" : undefined;
  },
};
