import { X509Certificate } from "node:crypto";
import type { SignatureCheck } from "../../control/rotation/new-authority.ts";

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
};
