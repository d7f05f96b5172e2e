import type { Result } from "../../foundation/result.ts";
import type { Der } from "./der.ts";
import { DerReader, readDer, requireDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";
import { readOctetAlignedBits, readSmallInteger } from "./der-values.ts";
import { bitString, explicit, sequence, smallInteger } from "./der-writer.ts";
import { checkAttributes, checkSubject } from "./request-fields.ts";
import { type HashName, knownSignatures, readSignatureAlgorithm } from "./signature-algorithm.ts";
import { type PublicKey, readSpki } from "./spki.ts";

/** What a certificate request is good for here: a public key, and the proof that its sender holds the private one. */
export type Csr = {
  readonly spki: Der;
  readonly publicKey: PublicKey;
  /** The bytes that the sender signed: the CertificationRequestInfo. */
  readonly signed: Der;
  readonly hash: HashName;
  readonly signature: Uint8Array;
};

/** Room for an RSA-4096 key and the attributes that common tools add. */
export const longestCsr = 16 * 1024;

/**
 * Reads a PKCS#10 request (RFC 2986 §4) of at most 16 KiB. Subject and attributes must be there and well-formed, and are
 * ignored: names come from the registration alone. The signature is not verified here.
 */
export function readCsr(bytes: Uint8Array): Result<Csr, string> {
  return readDer(bytes, longestCsr, (reader) => {
    const fields = reader.enter(tag.sequence, "the request");
    const signed = fields.whole(tag.sequence, "the CertificationRequestInfo");
    const algorithm = knownSignatures[readSignatureAlgorithm(fields)];
    requireDer(algorithm !== undefined, "the signature algorithm is not ECDSA or RSA PKCS#1 v1.5 with SHA-2");
    const signature = readOctetAlignedBits(fields, "the signature");
    fields.end("the request");
    const spki = readInfo(new DerReader(signed));
    const publicKey = readSpki(spki);
    requireDer(publicKey.ok, publicKey.ok ? "" : publicKey.error);
    requireDer(publicKey.value.kind === algorithm.key, "the signature algorithm does not fit the key");
    return { spki, publicKey: publicKey.value, signed, hash: algorithm.hash, signature };
  });
}

function readInfo(reader: DerReader): Der {
  const fields = reader.enter(tag.sequence, "the CertificationRequestInfo");
  requireDer(readSmallInteger(fields, "the version") === 0, "the request is not of version 1");
  checkSubject(fields);
  const spki = fields.whole(tag.sequence, "the public key");
  checkAttributes(fields);
  fields.end("the CertificationRequestInfo");
  return spki;
}

/** What the holder of a key signs to ask for a certificate: no subject, no attributes. RFC 2986 §4.1. */
export const writeCsrInfo = (spki: Der): Der => sequence(smallInteger(0), sequence(), spki, explicit(0));

/** The request: `algorithm` is an AlgorithmIdentifier, `signature` for ECDSA the DER of r and s. RFC 2986 §4.2. */
export const writeCsr = (info: Der, algorithm: Der, signature: Uint8Array): Der =>
  sequence(info, algorithm, bitString(signature));
