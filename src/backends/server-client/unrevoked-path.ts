import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, PeerCertificate } from "node:tls";
import { readCertificate } from "../../domain/certificate/certificate.ts";
import { readCertificateList } from "../../domain/certificate/certificate-list.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { isRevoked } from "../../domain/trust/revocation-set.ts";

export type PathQuestion = {
  readonly roots: readonly Der[];
  /** A complete set, as bundles carry it. */
  readonly lists: readonly Der[];
  readonly now: Date;
};

/** Leaf, intermediate, cross-certificate, and one to spare. */
const longestPath = 4;

/**
 * Why the path of this certificate, which TLS has verified, to one of the roots is not free of revoked certificates; undefined when it is.
 * An authority that has no list here yet is believed: somebody who was away while wider lists went out could not ask for
 * them otherwise. What was taken away stands in its issuer's list, and that is never missing where it matters. TLS's own check of lists
 * (RFC 5280 §6.3.3) cannot tell the two apart.
 */
export function pathFlaw(leaf: PeerCertificate, question: PathQuestion): string | undefined {
  const lists = question.lists.flatMap((der) => {
    const list = readCertificateList(der);
    return list.ok ? [list.value] : []; // none that cannot be read comes into a bundle
  });
  const roots = question.roots.map((der) => new X509Certificate(der));
  let at: PeerCertificate | undefined = leaf;
  for (let length = 0; at !== undefined && length < longestPath; length++) {
    const read = readCertificate(new Uint8Array(at.raw));
    if (!read.ok) return `a certificate in its chain cannot be read: ${read.error}`;
    if (isRevoked(read.value, lists)) return `the certificate ${read.value.serial} in its chain is revoked`;
    const certificate: X509Certificate = new X509Certificate(at.raw);
    if (roots.some((root) => isIssuedBy(certificate, root, question.now))) return undefined;
    const above = issuerOf(at);
    const issuer = above && new X509Certificate(above.raw);
    // A peer chooses what it sends: each step has to hold by itself, not only on the path that TLS happened to take.
    at = issuer && isIssuedBy(certificate, issuer, question.now) ? above : undefined;
  }
  return "its chain leads to no root of the bundle";
}

function issuerOf(certificate: PeerCertificate): PeerCertificate | undefined {
  const { issuerCertificate } = certificate as Partial<DetailedPeerCertificate>;
  return issuerCertificate === certificate ? undefined : issuerCertificate;
}

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate, now: Date): boolean =>
  issuer.ca &&
  issuer.validFromDate <= now &&
  now <= issuer.validToDate &&
  certificate.checkIssued(issuer) &&
  certificate.verify(issuer.publicKey);
