import { hours } from "../../foundation/duration.ts";
import type { SpiffeId } from "../identity/spiffe-id.ts";
import { readCertificate } from "./certificate.ts";
import { intermediatePem, rootPem } from "./certificate.vectors.ts";
import type { Der } from "./der.ts";
import { keyIdentifierOfBits } from "./key-identifier.ts";
import { leafIssuer } from "./leaf-issuer.ts";
import { LeafTemplate } from "./leaf-template.ts";
import type { LeafOrder } from "./lint/order.ts";
import { decodeCertificates } from "./pem.ts";
import { defaultProfiles } from "./profile.ts";
import { readSpki } from "./spki.ts";
import { leafValidity } from "./validity.ts";

/** Unwraps what must be there in a test. */
export function must<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(String(result.error));
  return result.value;
}

const der = must(decodeCertificates(intermediatePem))[0] ?? new Uint8Array();
/** The vector's own DNS exclusion is lifted, so that DNS names can be tried. */
const vector = must(leafIssuer(must(readCertificate(der))));
export const issuer = {
  ...vector,
  nameConstraints: {
    ...vector.nameConstraints,
    excluded: { uris: [], dnsNames: [], ipRanges: [], others: 0 },
  },
};
export const constrainedIssuer = vector;

export const now = new Date("2026-12-01T19:00:00.750Z");

export const order: LeafOrder = {
  profile: defaultProfiles.workload,
  spiffeId: "spiffe://mesh.test/ns/default/sa/web" as SpiffeId,
  dnsNames: ["web.default.svc", "web"],
  serial: new Uint8Array(18).fill(7),
  validity: must(leafValidity(now, hours(1), issuer)),
  spki: issuer.spki,
};

export function fillOrder(asked: LeafOrder, under = issuer): Der {
  const keyIdentifier = keyIdentifierOfBits(must(readSpki(asked.spki)).bits);
  return new LeafTemplate(under, asked.spiffeId, asked.dnsNames).fill({ ...asked, keyIdentifier });
}

/** A P-384 key that is not the order's. */
export const otherSpki = must(readCertificate(must(decodeCertificates(rootPem))[0] ?? new Uint8Array())).spki;
