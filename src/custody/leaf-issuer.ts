import { readCertificate } from "../domain/certificate/certificate.ts";
import type { Der } from "../domain/certificate/der.ts";
import { keyUsageBit } from "../domain/certificate/extensions.ts";
import { sameBytes } from "../domain/certificate/hex.ts";
import type { Subtrees } from "../domain/certificate/name-constraints.ts";
import { ecdsaOn } from "../domain/certificate/signature-algorithm.ts";
import { parseTrustDomain, type TrustDomain } from "../domain/identity/trust-domain.ts";
import { ok, type Result, refused } from "../foundation/result.ts";
import type { AuthorityKey } from "./ca-token.ts";

/** What an authority's own certificate lets it sign. The signer believes this and nothing that a caller says. */
export type LeafIssuer = {
  readonly keyId: string;
  readonly spki: Der;
  /** The certificate's subject, byte for byte: the issuer of every leaf. */
  readonly subject: Der;
  readonly trustDomain: TrustDomain;
  readonly signatureAlgorithm: string;
  readonly notAfter: Date;
  readonly permitted: Subtrees;
  readonly excluded: Subtrees;
};

/**
 * Reads the leaf-signing authority out of the certificate beside a key. Refuses, with a sentence, a certificate of another
 * key, one that is no issuing authority (cA TRUE, pathLen 0, keyCertSign: RFC 5280 §4.2.1.9, §4.2.1.3), or one that is
 * not confined to a single trust domain. A root has no pathLen: it never signs a leaf.
 */
export function readLeafIssuer(key: AuthorityKey): Result<LeafIssuer, string> {
  const read = readCertificate(key.certificate);
  if (!read.ok) return refused(`the certificate beside key ${key.keyId} does not parse: ${read.error}`);
  const { extensions, spki, subject, notAfter } = read.value;
  const wrong = (what: string) => refused(`the certificate beside key ${key.keyId} ${what}`);
  if (!sameBytes(spki, key.spki)) return wrong("is for another public key");
  if (extensions.subjectKeyId !== key.keyId) return wrong("has another subject key identifier");
  if (extensions.basicConstraints?.ca !== true) return wrong("is no CA certificate");
  if (extensions.basicConstraints.pathLength !== 0)
    return wrong("is no issuing authority: its pathLen is not 0");
  if (!extensions.keyUsage?.includes(keyUsageBit.keyCertSign)) return wrong("lacks keyCertSign");
  const constraints = extensions.nameConstraints;
  const uris = constraints?.permitted.uris ?? [];
  if (constraints === undefined || uris.length !== 1) return wrong("is not constrained to one trust domain");
  const trustDomain = parseTrustDomain(uris[0] ?? "");
  if (!trustDomain.ok) return wrong(`permits URIs of no trust domain: ${trustDomain.error}`);
  return ok({
    keyId: key.keyId,
    spki: key.spki,
    subject,
    trustDomain: trustDomain.value,
    signatureAlgorithm: ecdsaOn[key.curve].oid,
    notAfter,
    permitted: constraints.permitted,
    excluded: constraints.excluded,
  });
}
