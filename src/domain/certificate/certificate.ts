import type { Result } from "../../foundation/result.ts";
import type { Der } from "./der.ts";
import { DerReader, readDer, requireDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";
import { readOctetAlignedBits } from "./der-values.ts";
import { readSignatureAlgorithm } from "./signature-algorithm.ts";
import { readTbs, type TbsCertificate } from "./tbs-certificate.ts";

/** An X.509 certificate as far as a certificate authority and its agents need it. RFC 5280 §4.1. */
export type Certificate = TbsCertificate & {
  readonly der: Der;
  /** The bytes that the issuer signed. */
  readonly tbs: Der;
  /** As it stands in the certificate: for ECDSA the DER of r and s (decodeEcdsaSignature). */
  readonly signature: Uint8Array;
};

const longestCertificate = 64 * 1024;

/**
 * Reads one certificate of at most 64 KiB. It is checked for form only: whoever relies on it verifies signature,
 * validity and purpose. The fields are views of `bytes`, so keep those as they are.
 */
export function readCertificate(bytes: Uint8Array): Result<Certificate, string> {
  return readDer(bytes, longestCertificate, (reader) => {
    const fields = reader.enter(tag.sequence, "the certificate");
    const tbs = fields.whole(tag.sequence, "the TBSCertificate");
    const signatureAlgorithm = readSignatureAlgorithm(fields);
    const signature = readOctetAlignedBits(fields, "the signature");
    fields.end("the certificate");
    const content = readTbs(new DerReader(tbs));
    const agrees = content.signatureAlgorithm === signatureAlgorithm;
    requireDer(agrees, "the two signature algorithms differ (RFC 5280 §4.1.1.2)");
    return { ...content, der: bytes as Der, tbs, signature };
  });
}
