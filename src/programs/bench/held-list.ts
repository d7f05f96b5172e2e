import { verify } from "node:crypto";
import { type CertificateList, readCertificateList } from "../../domain/certificate/certificate-list.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { ecdsaWith } from "../../domain/certificate/signature-algorithm.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import type { PeerCertificate } from "./peer-certificate.ts";

/** A revocation list of a bundle. RFC 5280 §5. */
export class HeldList {
  readonly fields: CertificateList;
  readonly fingerprint: string;
  readonly #issuer: string;
  readonly #revoked: ReadonlySet<string>;
  readonly #signedBy = new WeakMap<PeerCertificate, boolean>();

  /** Throws for what cannot be read. */
  constructor(der: Uint8Array) {
    const read = readCertificateList(der);
    if (!read.ok) throw new Error(read.error);
    this.fields = read.value;
    this.fingerprint = sha256Hex(der);
    this.#issuer = toHex(read.value.issuer);
    this.#revoked = new Set(read.value.revoked.map(({ serial }) => serial));
  }

  /** Whether it is this authority's: asked once of each for its signature. */
  isOf(authority: PeerCertificate): boolean {
    if (authority.subject !== this.#issuer) return false;
    const known = this.#signedBy.get(authority);
    if (known !== undefined) return known;
    const { tbs, signature, signatureAlgorithm } = this.fields;
    const hash = ecdsaWith(signatureAlgorithm)?.hash;
    const isOf = hash !== undefined && verify(hash, tbs, authority.x509.publicKey, signature);
    this.#signedBy.set(authority, isOf);
    return isOf;
  }

  /** Why a certificate of this list's authority is refused for it. */
  flawOf(certificate: PeerCertificate, now: Date): string | undefined {
    const { thisUpdate, nextUpdate } = this.fields;
    if (now < thisUpdate || now > nextUpdate) return "has a revocation list that is not of now";
    return this.#revoked.has(certificate.fields.serial) ? "has revoked it" : undefined;
  }
}
