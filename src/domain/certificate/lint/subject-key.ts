import { subjectKeyFlaw } from "../subject-key.ts";
import type { GrammarRule } from "./rule.ts";

/** The key is one that we certify. Whether its point is on the curve was seen when node:crypto imported it. */
export const subjectKey: GrammarRule = {
  cites: ["CA/Browser Forum BR §6.1.5", "RFC 5480 §2.2"],
  looksAt: "fields",
  check: (leaf) => subjectKeyFlaw(leaf.publicKey),
};
