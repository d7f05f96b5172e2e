import { trustDomainOf } from "../../identity/spiffe-id.ts";
import { refusesDnsName, uriHostMatches } from "../name-constraints.ts";
import type { GrammarRule } from "./rule.ts";

/** Every name is one that a verifier will accept under this authority: permitted where a list is, and never excluded. */
export const nameConstraints: GrammarRule = {
  cites: ["RFC 5280 §4.2.1.10", "RFC 5280 §6.1.3"],
  looksAt: "form",
  check: (leaf, { nameConstraints }) => {
    const { permitted, excluded } = nameConstraints;
    const host = trustDomainOf(leaf.spiffeId);
    const inUris = (list: readonly string[]) => list.some((subtree) => uriHostMatches(host, subtree));
    if (!inUris(permitted.uris) || inUris(excluded.uris))
      return "the authority's URI constraints refuse the SPIFFE ID";
    const refusedName = leaf.dnsNames.find((name) => refusesDnsName(nameConstraints, name));
    return refusedName === undefined ? undefined : `the authority's DNS constraints refuse ${refusedName}`;
  },
};
