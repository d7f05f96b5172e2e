import { keyUsageBit } from "../extensions.ts";
import { oid } from "../oid.ts";
import type { GrammarRule } from "./rule.ts";

/** digitalSignature alone, critical: never keyCertSign or cRLSign. */
export const keyUsage: GrammarRule = {
  cites: ["X509-SVID §4.3", "RFC 5280 §4.2.1.3"],
  looksAt: "form",
  check: (leaf) => {
    const critical = leaf.extensions.list.some(({ oid: id, critical }) => id === oid.keyUsage && critical);
    const [first, ...more] = leaf.extensions.keyUsage ?? [];
    const right = critical && first === keyUsageBit.digitalSignature && more.length === 0;
    return right ? undefined : "keyUsage is not digitalSignature alone, critical";
  },
};
