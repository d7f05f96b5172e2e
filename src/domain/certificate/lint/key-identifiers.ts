import { toHex } from "../hex.ts";
import { keyIdentifierOfBits } from "../key-identifier.ts";
import { oid } from "../oid.ts";
import type { GrammarRule } from "./rule.ts";

const identifiers: ReadonlySet<string> = new Set([oid.subjectKeyIdentifier, oid.authorityKeyIdentifier]);

/** The leaf's own identifier is that of its key, and the authority's names the key that signs; neither is critical. */
export const keyIdentifiers: GrammarRule = {
  cites: ["RFC 5280 §4.2.1.1", "RFC 5280 §4.2.1.2", "RFC 7093 §2"],
  looksAt: "fields",
  check: (leaf, issuer) => {
    const own = toHex(keyIdentifierOfBits(leaf.publicKey.bits));
    if (leaf.extensions.subjectKeyId !== own) return "the subject key identifier is not that of the key";
    if (leaf.extensions.authorityKeyId !== issuer.keyId)
      return "the authority key identifier is not the authority's";
    const critical = leaf.extensions.list.some((each) => each.critical && identifiers.has(each.oid));
    return critical ? "a key identifier is critical" : undefined;
  },
};
