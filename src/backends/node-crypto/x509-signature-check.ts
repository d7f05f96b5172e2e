import { verify, X509Certificate } from "node:crypto";
import type { SignatureCheck } from "../../control/rotation/new-authority.ts";
import { readCertificateList } from "../../domain/certificate/certificate-list.ts";
import { ecdsaWith } from "../../domain/certificate/signature-algorithm.ts";

/** OpenSSL, which shares no code with our DER reader, verifies names and signature. */
export const x509SignatureCheck: SignatureCheck = {
  isSignedBy(certificate, issuer) {
    try {
      const above = new X509Certificate(issuer);
      const below = new X509Certificate(certificate);
      return below.checkIssued(above) && below.verify(above.publicKey);
    } catch {
      return false; // not a certificate that OpenSSL reads
    }
  },

  isListSignedBy(list, issuer) {
    const read = readCertificateList(list);
    const algorithm = read.ok ? ecdsaWith(read.value.signatureAlgorithm) : undefined;
    if (!read.ok || !algorithm) return false;
    const { tbs, signature } = read.value;
    try {
      return verify(algorithm.hash, tbs, new X509Certificate(issuer).publicKey, signature);
    } catch {
      return false; // an issuer that OpenSSL does not read, or whose key is not for this algorithm
    }
  },
};
