import { createPublicKey, verify, X509Certificate } from "node:crypto";
import type { NodeCertificates } from "../../control/enrolment/x509pop-attestor.ts";
import { checkNodeChain } from "../../domain/attestation/node-chain.ts";
import { type Certificate, readCertificate } from "../../domain/certificate/certificate.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { readSpki } from "../../domain/certificate/spki.ts";
import { type Result, refused } from "../../foundation/result.ts";
import { possessionSignature } from "./possession-signature.ts";

/** Certificates of nodes under these authorities, checked by the path rules and by node:crypto. */
export class NodeCertificateCheck implements NodeCertificates {
  readonly #anchors: readonly Certificate[];

  constructor(anchors: readonly Certificate[]) {
    this.#anchors = anchors;
  }

  verifyChain(chain: readonly Der[], now: Date): Result<Certificate, string> {
    const certificates: Certificate[] = [];
    for (const der of chain) {
      const read = readCertificate(der);
      if (!read.ok) return refused(`a certificate in the chain cannot be read: ${read.error}`);
      certificates.push(read.value);
    }
    return checkNodeChain(certificates, { anchors: this.#anchors, now, isSignedBy });
  }

  signed({ spki }: Certificate, message: Uint8Array, signature: Uint8Array): boolean {
    const read = readSpki(spki);
    if (!read.ok) return false;
    try {
      const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
      const { hash, options } = possessionSignature(read.value);
      return verify(hash, message, { key, ...options }, signature);
    } catch {
      return false; // a point that is not on its curve (SEC 1 §3.2.2)
    }
  }
}

function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  try {
    const key = new X509Certificate(issuer.der).publicKey;
    const isShort = key.asymmetricKeyType === "rsa" && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048;
    return !isShort && new X509Certificate(certificate.der).verify(key);
  } catch {
    return false;
  }
}
