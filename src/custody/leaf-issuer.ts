import { readCertificate } from "../domain/certificate/certificate.ts";
import { sameBytes } from "../domain/certificate/hex.ts";
import { type LeafIssuer, leafIssuer } from "../domain/certificate/leaf-issuer.ts";
import { type Result, refused } from "../foundation/result.ts";
import type { AuthorityKey } from "./ca-token.ts";

/**
 * Reads what an authority may sign out of the certificate beside its key: the signer believes this and nothing that a
 * caller says. Refuses, with a sentence, a certificate of another key, one that is no issuing authority (cA TRUE, pathLen 0,
 * keyCertSign: RFC 5280 §4.2.1.9, §4.2.1.3), or one that is not confined to a single trust domain. A root has no
 * pathLen: it never signs a leaf.
 */
export function readLeafIssuer(key: AuthorityKey): Result<LeafIssuer, string> {
  const wrong = (what: string) => refused(`the certificate beside key ${key.keyId} is of no use: ${what}`);
  const read = readCertificate(key.certificate);
  if (!read.ok) return wrong(read.error);
  const issuer = leafIssuer(read.value);
  if (!issuer.ok) return wrong(issuer.error);
  if (!sameBytes(issuer.value.spki, key.spki)) return wrong("it is for another public key");
  if (issuer.value.keyId !== key.keyId) return wrong("it has another subject key identifier");
  const { basicConstraints } = read.value.extensions;
  return basicConstraints?.pathLength === 0 ? issuer : wrong("its pathLen is not 0, so it issues no leaves");
}
