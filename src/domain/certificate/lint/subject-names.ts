import { pathOf, trustDomainOf } from "../../identity/spiffe-id.ts";
import { dnsNameFlaw } from "../dns-name.ts";
import type { GrammarRule } from "./rule.ts";

/** One SPIFFE ID with a path in the authority's trust domain, well-formed DNS names, nothing else. */
export const subjectNames: GrammarRule = {
  cites: ["X509-SVID §2", "X509-SVID §4.1", "RFC 5280 §4.2.1.6"],
  looksAt: "form",
  check: (leaf, issuer) => {
    if (trustDomainOf(leaf.spiffeId) !== issuer.trustDomain)
      return "the SPIFFE ID is of another trust domain";
    if (pathOf(leaf.spiffeId) === "") return "a leaf's SPIFFE ID has a path";
    if (leaf.extensions.subjectAltName?.others !== 0) return "a name is neither a URI nor a DNS name";
    if (new Set(leaf.dnsNames).size !== leaf.dnsNames.length) return "a DNS name is there twice";
    return leaf.dnsNames.map(dnsNameFlaw).find((flaw) => flaw !== undefined);
  },
};
