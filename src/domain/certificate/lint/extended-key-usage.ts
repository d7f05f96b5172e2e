import { oid } from "../oid.ts";
import type { GrammarRule } from "./rule.ts";

/** Both ends of TLS, for a workload is server and client at once; nothing else. */
export const extendedKeyUsage: GrammarRule = {
  cites: ["X509-SVID §4.4", "RFC 5280 §4.2.1.12"],
  looksAt: "form",
  check: (leaf) => {
    const purposes = leaf.extensions.extendedKeyUsage?.toSorted().join(" ");
    return purposes === `${oid.serverAuth} ${oid.clientAuth}`
      ? undefined
      : "extendedKeyUsage is not serverAuth and clientAuth";
  },
};
