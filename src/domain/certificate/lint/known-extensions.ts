import { oid } from "../oid.ts";
import type { GrammarRule } from "./rule.ts";

const known: ReadonlySet<string> = new Set([
  oid.basicConstraints,
  oid.keyUsage,
  oid.extendedKeyUsage,
  oid.subjectKeyIdentifier,
  oid.authorityKeyIdentifier,
  oid.subjectAltName,
]);

/** The six extensions of a leaf and no other. The reader has refused one that is there twice. */
export const knownExtensions: GrammarRule = {
  cites: ["RFC 5280 §4.2", "X509-SVID §4"],
  looksAt: "form",
  check: (leaf) => {
    const stray = leaf.extensions.list.find((extension) => !known.has(extension.oid));
    if (stray !== undefined) return `a leaf has no extension ${stray.oid}`;
    return leaf.extensions.list.length === known.size ? undefined : "an extension of a leaf is missing";
  },
};
