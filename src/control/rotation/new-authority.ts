import { type Certificate, readCertificate } from "../../domain/certificate/certificate.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { keyUsageBit } from "../../domain/certificate/extensions.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import { keyIdOfSpki } from "../../domain/certificate/key-identifier.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { type Seconds, toMs } from "../../foundation/duration.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";

/** Whether a signature verifies under the issuer's public key. False for what cannot be read. */
export interface SignatureCheck {
  isSignedBy(certificate: Der, issuer: Der): boolean;
  /** The same for a revocation list. */
  isListSignedBy(list: Der, issuer: Der): boolean;
}

/** What a ceremony wrote, as an operator hands it over: DER that nobody has looked at yet. */
export type OfferedAuthority = {
  readonly root: Uint8Array;
  readonly intermediate: Uint8Array;
  /** The new root signed by the old one; undefined after a compromise, and for the first authority. */
  readonly cross: Uint8Array | undefined;
};

export type AuthorityTerms = {
  readonly trustDomain: TrustDomain;
  /** The root that a cross-certificate must come from. */
  readonly oldRoot: Der | undefined;
  /** The intermediate must outlive a leaf that is issued now: a leaf is never cut short. */
  readonly longestLeaf: Seconds;
  readonly now: Date;
};

export type CheckedAuthority = {
  readonly authority: Authority;
  readonly root: Der;
  /** The latest notBefore of its certificates. */
  readonly validFrom: Date;
};

/** Checks a root, an intermediate and a cross-certificate against each other. Refuses with one sentence. */
export function checkAuthority(
  offered: OfferedAuthority,
  terms: AuthorityTerms,
  signatures: SignatureCheck,
): Result<CheckedAuthority, string> {
  const root = readOwn(offered.root);
  if (!root.ok) return refused(`the root cannot be read: ${root.error}`);
  const intermediate = readOwn(offered.intermediate);
  if (!intermediate.ok) return refused(`the intermediate cannot be read: ${intermediate.error}`);
  const cross = offered.cross && readOwn(offered.cross);
  if (cross && !cross.ok) return refused(`the cross-certificate cannot be read: ${cross.error}`);
  const flaw =
    rootFlaw(root.value, terms, signatures) ??
    intermediateFlaw({ certificate: intermediate.value, root: root.value }, terms, signatures) ??
    (cross && crossFlaw({ cross: cross.value, root: root.value }, terms, signatures));
  if (flaw) return refused(flaw);
  const certificates = [root.value, intermediate.value, ...(cross ? [cross.value] : [])];
  return ok({
    authority: toAuthority(intermediate.value, root.value, cross ? [cross.value.der] : []),
    root: root.value.der,
    validFrom: new Date(Math.max(...certificates.map(({ notBefore }) => notBefore.getTime()))),
  });
}

/** A copy: what arrived is a view of a whole message, and the certificate is kept for years. */
const readOwn = (bytes: Uint8Array) => readCertificate(new Uint8Array(bytes));

function rootFlaw(root: Certificate, terms: AuthorityTerms, signatures: SignatureCheck): string | undefined {
  if (!sameBytes(root.issuer, root.subject) || !signatures.isSignedBy(root.der, root.der)) {
    return "the root is not self-signed: Envoy's SPIFFE validator accepts self-signed anchors only";
  }
  if (root.extensions.basicConstraints?.pathLength !== undefined) {
    return "the root has a path length, with which a cross-certificate's chain could not be built";
  }
  return caFlaw("the root", root, terms.now);
}

function intermediateFlaw(
  pair: { readonly certificate: Certificate; readonly root: Certificate },
  terms: AuthorityTerms,
  signatures: SignatureCheck,
): string | undefined {
  const { certificate, root } = pair;
  if (!sameBytes(certificate.issuer, root.subject) || !signatures.isSignedBy(certificate.der, root.der)) {
    return "the intermediate is not signed by this root";
  }
  const { basicConstraints, nameConstraints, subjectKeyId, list } = certificate.extensions;
  const general = caFlaw("the intermediate", certificate, terms.now);
  if (general) return general;
  if (basicConstraints?.pathLength !== 0) return "the intermediate's path length is not 0";
  const keyId = keyIdOfSpki(certificate.spki);
  if (!keyId.ok || keyId.value !== subjectKeyId) {
    return "the intermediate's subject key identifier is not that of its key (RFC 7093 §2 method 1)";
  }
  const uris = nameConstraints?.permitted.uris ?? [];
  const critical = list.some((extension) => extension.oid === "2.5.29.30" && extension.critical);
  if (!critical || uris.length !== 1 || uris[0] !== terms.trustDomain) {
    return `the intermediate is not name-constrained, critically, to the trust domain ${terms.trustDomain} alone`;
  }
  return lifeFlaw(certificate, root, terms);
}

function lifeFlaw(certificate: Certificate, root: Certificate, terms: AuthorityTerms): string | undefined {
  if (certificate.notAfter > root.notAfter) return "the intermediate outlives its root";
  const left = certificate.notAfter.getTime() - terms.now.getTime();
  if (left >= toMs(terms.longestLeaf)) return undefined;
  return `the intermediate ends ${certificate.notAfter.toISOString()}, sooner than a leaf of ${terms.longestLeaf} s would`;
}

function crossFlaw(
  pair: { readonly cross: Certificate; readonly root: Certificate },
  terms: AuthorityTerms,
  signatures: SignatureCheck,
): string | undefined {
  const { cross, root } = pair;
  const { oldRoot } = terms;
  if (!oldRoot) return "there is no old root that could have signed a cross-certificate";
  if (!sameBytes(cross.spki, root.spki) || !sameBytes(cross.subject, root.subject)) {
    return "the cross-certificate is not for the new root's name and key";
  }
  if (!signatures.isSignedBy(cross.der, oldRoot))
    return "the cross-certificate is not signed by the old root";
  return caFlaw("the cross-certificate", cross, terms.now);
}

/** What every CA certificate of ours has. RFC 5280 §4.2.1.3, §4.2.1.9. */
function caFlaw(name: string, certificate: Certificate, now: Date): string | undefined {
  const { basicConstraints, keyUsage, subjectKeyId } = certificate.extensions;
  if (basicConstraints?.ca !== true) return `${name} is no CA certificate`;
  if (!keyUsage?.includes(keyUsageBit.keyCertSign)) return `${name} may not sign certificates (keyCertSign)`;
  if (subjectKeyId === undefined) return `${name} has no subject key identifier`;
  if (certificate.notAfter <= now) return `${name} expired ${certificate.notAfter.toISOString()}`;
  return undefined;
}

const toAuthority = (intermediate: Certificate, root: Certificate, cross: readonly Der[]): Authority => ({
  keyId: intermediate.extensions.subjectKeyId ?? "",
  certificate: intermediate.der,
  anchorSha256: sha256Hex(root.der),
  crossCertificates: cross,
  notBefore: intermediate.notBefore,
  notAfter: intermediate.notAfter,
});
