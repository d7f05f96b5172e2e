import type { GrammarRule } from "./rule.ts";

/** The TBS names the one algorithm that the authority's key signs with. */
export const signatureAlgorithm: GrammarRule = {
  cites: ["RFC 5280 §4.1.2.3", "RFC 5758 §3.2"],
  looksAt: "form",
  check: (leaf, issuer) =>
    leaf.signatureAlgorithm === issuer.algorithm.oid
      ? undefined
      : "the authority's key does not sign this way",
};
