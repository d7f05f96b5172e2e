import { parseSpiffeId, pathOf, type SpiffeId, trustDomainOf } from "../identity/spiffe-id.ts";
import type { TrustDomain } from "../identity/trust-domain.ts";

/** What an SDS resource name asks for. The names are SPIRE's, so that Envoys configured for it work unchanged. */
export type SecretName =
  | { readonly asks: "leaf"; readonly id: SpiffeId }
  /** `default`: the caller's first identity. */
  | { readonly asks: "default-leaf" }
  /** `ROOTCA`: the own trust domain's roots as a plain trusted_ca. */
  | { readonly asks: "own-roots" }
  /** `ALL`: the own and every federated bundle, for Envoy's SPIFFE validator. */
  | { readonly asks: "all-bundles" }
  /** `spiffe://trust-domain`: that bundle, for Envoy's SPIFFE validator. */
  | { readonly asks: "bundle"; readonly trustDomain: TrustDomain };

/** Reads a resource name; undefined for one that can never stand for anything. */
export function parseSecretName(name: string): SecretName | undefined {
  if (name === "default") return { asks: "default-leaf" };
  if (name === "ROOTCA") return { asks: "own-roots" };
  if (name === "ALL") return { asks: "all-bundles" };
  const id = parseSpiffeId(name);
  if (!id.ok) return undefined;
  return pathOf(id.value) === ""
    ? { asks: "bundle", trustDomain: trustDomainOf(id.value) }
    : { asks: "leaf", id: id.value };
}
