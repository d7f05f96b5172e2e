import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Der } from "./der.ts";
import { tag } from "./der-tag.ts";
import { lengthBytes, writeHeader } from "./der-writer.ts";
import { scalarFlaw } from "./ecdsa-signature.ts";
import type { EcdsaAlgorithm } from "./signature-algorithm.ts";

/** A certificate, and where the two parts lie in it that a verification needs. */
export type AssembledCertificate = {
  readonly der: Der;
  /** Views of `der`: the TBSCertificate, and the ECDSA-Sig-Value (RFC 3279 §2.2.3). */
  readonly tbs: Der;
  readonly signature: Der;
};

/**
 * The certificate of a TBSCertificate and its raw r‖s (RFC 5280 §4.1), written into one buffer of the right length: made of
 * parts as certificates of authorities are, it cost as much as reading a request.
 */
export function assembleCertificate(
  tbs: Der,
  { identifier }: EcdsaAlgorithm,
  raw: Uint8Array,
): Result<AssembledCertificate, string> {
  const flaw = scalarFlaw(raw);
  if (flaw !== undefined) return refused(flaw);
  const half = raw.length / 2;
  const [r, s] = [integerStart(raw, 0, half), integerStart(raw, half, raw.length)];
  const scalars = valueBytes(r.bytes) + valueBytes(s.bytes);
  const bits = 1 + valueBytes(scalars);
  const contents = tbs.length + identifier.length + valueBytes(bits);
  const certificate = new Uint8Array(valueBytes(contents));
  const tbsAt = writeHeader(certificate, 0, { identifier: tag.sequence, length: contents });
  const tbsEnd = tbsAt + tbs.length;
  certificate.set(tbs, tbsAt);
  certificate.set(identifier, tbsEnd);
  const bitsAt = writeHeader(certificate, tbsEnd + identifier.length, {
    identifier: tag.bitString,
    length: bits,
  });
  const signatureAt = bitsAt + 1; // behind a zero: no unused bits
  let at = writeHeader(certificate, signatureAt, { identifier: tag.sequence, length: scalars });
  for (const scalar of [r, s]) {
    at = writeHeader(certificate, at, { identifier: tag.integer, length: scalar.bytes });
    at += scalar.bytes - (scalar.end - scalar.from); // a sign byte stays zero
    for (let from = scalar.from; from < scalar.end; from += 1) certificate[at++] = raw[from] ?? 0;
  }
  return ok({
    der: certificate as Der,
    tbs: certificate.subarray(tbsAt, tbsEnd) as Der,
    signature: certificate.subarray(signatureAt) as Der,
  });
}

const valueBytes = (length: number): number => 1 + lengthBytes(length) + length;

/** The shortest contents of an INTEGER: no leading zeros, and a sign byte where the first bit is set. X.690 §8.3. */
function integerStart(raw: Uint8Array, start: number, end: number) {
  let from = start;
  while (raw[from] === 0) from += 1;
  return { from, end, bytes: end - from + ((raw[from] ?? 0) >= 0x80 ? 1 : 0) };
}
