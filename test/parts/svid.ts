import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Der } from "../../src/domain/certificate/der.ts";
import { decodeCertificates } from "../../src/domain/certificate/pem.ts";
import { parseSpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import { parseTrustDomain } from "../../src/domain/identity/trust-domain.ts";
import type { Bundle } from "../../src/domain/trust/bundle.ts";
import type { X509Svid } from "../../src/domain/trust/svid.ts";
import type { Result } from "../../src/foundation/result.ts";
import type { OpensslCa } from "./openssl-ca.ts";

const must = <T>(result: Result<T, string>): T => {
  if (!result.ok) throw new Error(result.error);
  return result.value;
};

export const derOf = (pem: string): Der[] => must(decodeCertificates(pem)) as Der[];

/** A fresh leaf under a test CA, as an agent holds it. */
export function svidFrom(ca: OpensslCa, spiffeId: string): X509Svid {
  const { chain, key, certificate } = ca.leaf(spiffeId);
  const leaf = new X509Certificate(certificate);
  return {
    spiffeId: must(parseSpiffeId(spiffeId)),
    chain: derOf(chain),
    privateKey: createPrivateKey(key).export({ format: "der", type: "pkcs8" }),
    serial: leaf.serialNumber.toLowerCase(),
    authorityKeyId: "00".repeat(20),
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    entryId: "test",
    hint: "",
  };
}

/** The bundle of a trust domain: the roots of these CAs. */
export const bundleOf = (trustDomain: string, ...cas: OpensslCa[]): Bundle => ({
  trustDomain: must(parseTrustDomain(trustDomain)),
  sequence: 1,
  anchors: cas.flatMap((ca) => derOf(ca.root.certificate)),
  lists: [],
});
