import { oid } from "../oid.ts";
import type { GrammarRule } from "./rule.ts";

/** The subject is empty, as the names stand in subjectAltName, which is then critical. */
export const emptySubject: GrammarRule = {
  cites: ["RFC 5280 §4.1.2.6", "RFC 5280 §4.2.1.6", "X509-SVID §2"],
  looksAt: "form",
  check: (leaf) => {
    if (leaf.subject.length !== 2) return "the subject is not empty";
    const names = leaf.extensions.list.find((extension) => extension.oid === oid.subjectAltName);
    return names?.critical ? undefined : "subjectAltName is not critical although the subject is empty";
  },
};
