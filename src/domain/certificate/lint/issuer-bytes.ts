import { sameBytes } from "../hex.ts";
import type { GrammarRule } from "./rule.ts";

/** The issuer is the authority's subject byte for byte: some verifiers compare names no other way. */
export const issuerBytes: GrammarRule = {
  cites: ["RFC 5280 §4.1.2.4", "RFC 5280 §7.1"],
  looksAt: "form",
  check: (leaf, issuer) =>
    sameBytes(leaf.issuer, issuer.subject)
      ? undefined
      : "the issuer is not the authority's subject byte for byte",
};
