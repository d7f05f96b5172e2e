import { readCertificate } from "../../domain/certificate/certificate.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import { Fault } from "../../foundation/fault.ts";
import type { Issued } from "./request.ts";

export type IssuedLeaf = Pick<Issued, "serial" | "notBefore" | "notAfter"> & { readonly certificate: Der };

/** A leaf as it is handed out: with the chain of the authority that signed it. */
export const issuedUnder = (authority: Authority, leaf: IssuedLeaf): Issued => ({
  chain: [leaf.certificate, authority.certificate, ...authority.crossCertificates],
  authorityKeyId: authority.keyId,
  serial: leaf.serial,
  notBefore: leaf.notBefore,
  notAfter: leaf.notAfter,
});

/** The same of a certificate that was issued before. Throws INTERNAL for bytes that are none. */
export function issuedBefore(authority: Authority, certificate: Der): Issued {
  const read = readCertificate(certificate);
  if (!read.ok) throw new Fault("INTERNAL", `the retry memory holds no certificate: ${read.error}`);
  const { serial, notBefore, notAfter } = read.value;
  return issuedUnder(authority, { certificate, serial, notBefore, notAfter });
}
