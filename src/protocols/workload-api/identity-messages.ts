import { type Bundle, partNames } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import type { X509BundlesResponse } from "../../generated/X509BundlesResponse.ts";
import type { X509SVIDResponse } from "../../generated/X509SVIDResponse.ts";

/** Concatenated DER, no separators (Workload API §5.2.1 has ASN.1 DER here, not PEM). */
const concatenated = (parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

/**
 * The complete state for one caller; the first SVID is its default identity. A hint is unique within a message
 * (Workload API §5.2.1): of several equal ones the first keeps it.
 */
export function svidMessage(svids: readonly X509Svid[], bundle: Bundle): X509SVIDResponse {
  const anchors = concatenated(bundle.anchors);
  const crl = bundle.lists.map((list) => Buffer.from(list));
  const hints = new Set<string>();
  return {
    crl,
    svids: svids.map((svid) => {
      const hint = hints.has(svid.hint) ? "" : svid.hint;
      hints.add(hint);
      return {
        spiffeId: svid.spiffeId,
        x509Svid: concatenated(svid.chain),
        x509SvidKey: Buffer.from(svid.privateKey),
        bundle: anchors,
        hint,
      };
    }),
  };
}

/** Bundles are keyed by the SPIFFE ID of their trust domain, and never merged (Trust Domain and Bundle §6). */
export const bundlesMessage = (bundle: Bundle): X509BundlesResponse => ({
  crl: bundle.lists.map((list) => Buffer.from(list)),
  bundles: { [`spiffe://${bundle.trustDomain}`]: concatenated(bundle.anchors) },
});

/** Equal for equal messages: SVIDs are told apart by serial and hint, bundles by their content. */
export const contentKey = (svids: readonly X509Svid[], bundle: Bundle): string =>
  JSON.stringify([
    svids.map(({ spiffeId, serial, authorityKeyId, hint }) => [spiffeId, serial, authorityKeyId, hint]),
    partNames(bundle),
  ]);
