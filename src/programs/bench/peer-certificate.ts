import { X509Certificate } from "node:crypto";
import { type Certificate, readCertificate } from "../../domain/certificate/certificate.ts";
import { keyUsageBit } from "../../domain/certificate/extensions.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { sha256Hex } from "../../foundation/digest.ts";

/** A certificate read twice: by our own parser for its fields, by OpenSSL's for its signature. */
export class PeerCertificate {
  readonly fields: Certificate;
  readonly x509: X509Certificate;
  /** Names as keys: an issuer is found by these bytes alone. */
  readonly subject: string;
  readonly issuer: string;
  readonly fingerprint: string;
  readonly #signedBy = new WeakMap<PeerCertificate, boolean>();

  /** Throws for what either parser does not read. */
  constructor(der: Uint8Array) {
    const read = readCertificate(der);
    if (!read.ok) throw new Error(read.error);
    this.fields = read.value;
    this.x509 = new X509Certificate(der);
    this.subject = toHex(read.value.subject);
    this.issuer = toHex(read.value.issuer);
    this.fingerprint = sha256Hex(der);
  }

  get isCa(): boolean {
    return this.fields.extensions.basicConstraints?.ca === true;
  }

  get maySign(): boolean {
    return this.isCa && this.#hasUsage(keyUsageBit.keyCertSign);
  }

  get claimsToSign(): boolean {
    return this.isCa || this.#hasUsage(keyUsageBit.keyCertSign);
  }

  /** Whether the issuer's key made the signature: asked once of each pair, for a signature never changes. */
  isSignedBy(issuer: PeerCertificate): boolean {
    const known = this.#signedBy.get(issuer);
    if (known !== undefined) return known;
    const verified = this.x509.checkIssued(issuer.x509) && this.x509.verify(issuer.x509.publicKey);
    this.#signedBy.set(issuer, verified);
    return verified;
  }

  #hasUsage(bit: number): boolean {
    return this.fields.extensions.keyUsage?.includes(bit) === true;
  }
}
