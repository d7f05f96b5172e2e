import { type KeyObject, sign } from "node:crypto";
import { readCertificate } from "../../src/domain/certificate/certificate.ts";
import {
  assembleCertificateList,
  writeTbsCertificateList,
} from "../../src/domain/certificate/certificate-list.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { ecdsaOn } from "../../src/domain/certificate/signature-algorithm.ts";

type Wanted = {
  /** In hexadecimal. */
  readonly serials?: readonly string[];
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
};

/** A revocation list signed with a P-256 key in memory. */
export function revocationList(issuerDer: Der, privateKey: KeyObject, wanted: Wanted): Der {
  const issuer = readCertificate(issuerDer);
  if (!issuer.ok) throw new Error(issuer.error);
  const { serials = [], thisUpdate, nextUpdate } = wanted;
  const content = {
    issuer: issuer.value.subject,
    thisUpdate,
    nextUpdate,
    revoked: serials.map((serial) => ({ serial, revokedAt: thisUpdate })),
    number: "01",
    authorityKeyId: issuer.value.extensions.subjectKeyId ?? "00",
  };
  const tbs = writeTbsCertificateList(content, "P-256");
  return assembleCertificateList(tbs, sign(ecdsaOn["P-256"].hash, tbs, privateKey), "P-256");
}
