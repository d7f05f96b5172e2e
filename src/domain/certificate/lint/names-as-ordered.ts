import { idFlaw } from "../profile.ts";
import type { OrderRule } from "./rule.ts";

/** Exactly the names of the registration, and an ID that the profile may bear. */
export const namesAsOrdered: OrderRule = {
  cites: ["docs/conformance.md I12"],
  check: (leaf, order) => {
    if (leaf.spiffeId !== order.spiffeId) return "the SPIFFE ID is not the registration's";
    const same =
      leaf.dnsNames.length === order.dnsNames.length &&
      leaf.dnsNames.every((name, at) => name === order.dnsNames[at]);
    return same ? idFlaw(order.profile.name, leaf.spiffeId) : "the DNS names are not the registration's";
  },
};
