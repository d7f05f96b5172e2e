import { X509Certificate } from "node:crypto";

/** A node's issuers, and the leaves of some batches: what is asked for again comes soon, or is an issuer. */
const mostKnown = 256;

/**
 * Certificates that were read lately, and who signed whom. Issuers come again with every chain, and a leaf is looked at
 * by several in a row; reading one costs OpenSSL as much as a signature's verification. Known by their very bytes.
 */
export class KnownCertificates {
  readonly #known = new Map<string, X509Certificate>();
  readonly #issued = new WeakMap<X509Certificate, WeakMap<X509Certificate, boolean>>();

  /** Throws what OpenSSL throws where the bytes are no certificate. */
  read(der: Uint8Array): X509Certificate {
    const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("latin1");
    const certificate = this.#known.get(bytes) ?? new X509Certificate(der);
    this.#known.delete(bytes);
    this.#known.set(bytes, certificate);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
    return certificate;
  }

  /** Whether the certificate names this issuer and its signature verifies under the issuer's key. */
  isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
    const verdicts = this.#issued.get(certificate) ?? new WeakMap<X509Certificate, boolean>();
    this.#issued.set(certificate, verdicts);
    const known = verdicts.get(issuer);
    if (known !== undefined) return known;
    const verdict = certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    verdicts.set(issuer, verdict);
    return verdict;
  }
}
