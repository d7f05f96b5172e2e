import { ok, type Result, refused } from "../../foundation/result.ts";
import { parseTrustDomain, type TrustDomain } from "../identity/trust-domain.ts";
import type { Certificate } from "./certificate.ts";
import type { Der } from "./der.ts";
import { keyUsageBit } from "./extensions.ts";
import type { NameConstraints } from "./name-constraints.ts";
import { type EcdsaAlgorithm, ecdsaOn } from "./signature-algorithm.ts";
import { readEcSpki } from "./spki.ts";

/** An authority as a leaf sees it: what the leaf must repeat, and what bounds it. */
export type LeafIssuer = {
  /** Lower-case hexadecimal of its subject key identifier. */
  readonly keyId: string;
  /** The bytes of its subject, which every leaf repeats as its issuer (RFC 5280 §7.1). */
  readonly subject: Der;
  readonly spki: Der;
  readonly algorithm: EcdsaAlgorithm;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The one host of its permitted URI subtrees. */
  readonly trustDomain: TrustDomain;
  readonly nameConstraints: NameConstraints;
};

/** Takes an authority's facts from its certificate, and refuses one that may not or can not issue leaves. */
export function leafIssuer(certificate: Certificate): Result<LeafIssuer, string> {
  const { basicConstraints, keyUsage, subjectKeyId, nameConstraints } = certificate.extensions;
  if (basicConstraints?.ca !== true)
    return refused("the authority's certificate has no cA TRUE (X509-SVID §4.1)");
  if (!keyUsage?.includes(keyUsageBit.keyCertSign)) return refused("the authority may not sign certificates");
  if (certificate.subject.length === 2) return refused("the authority has no name (RFC 5280 §4.1.2.6)");
  if (!subjectKeyId) return refused("the authority has no subject key identifier (RFC 5280 §4.2.1.2)");
  const [host, ...more] = nameConstraints?.permitted.uris ?? [];
  if (nameConstraints === undefined || host === undefined || more.length > 0) {
    return refused("the authority is not constrained to the URIs of exactly one trust domain");
  }
  const trustDomain = parseTrustDomain(host);
  if (!trustDomain.ok) return trustDomain;
  const key = readEcSpki(certificate.spki);
  if (!key.ok) return key;
  const { subject, spki, notBefore, notAfter } = certificate;
  const algorithm = ecdsaOn[key.value.curve];
  return ok({
    keyId: subjectKeyId,
    subject,
    spki,
    algorithm,
    notBefore,
    notAfter,
    trustDomain: trustDomain.value,
    nameConstraints,
  });
}
