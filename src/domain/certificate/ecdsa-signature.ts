import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Der } from "./der.ts";
import { readDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";
import { readPositiveInteger } from "./der-values.ts";
import { sequence, unsignedInteger } from "./der-writer.ts";

/** Why bytes are no r‖s, each of one length and not zero; undefined when they are. */
export function scalarFlaw(raw: Uint8Array): string | undefined {
  const half = raw.length / 2;
  if (!Number.isInteger(half) || half < 1 || half > 66) return "a raw signature is r and s of one length";
  return isZero(raw, 0, half) || isZero(raw, half, raw.length)
    ? "r and s of a signature are never zero"
    : undefined;
}

/** PKCS#11's r‖s as an ECDSA-Sig-Value; refuses an odd length and a zero scalar. RFC 3279 §2.2.3. */
export function encodeEcdsaSignature(raw: Uint8Array): Result<Der, string> {
  const flaw = scalarFlaw(raw);
  if (flaw !== undefined) return refused(flaw);
  const half = raw.length / 2;
  return ok(sequence(unsignedInteger(raw.subarray(0, half)), unsignedInteger(raw.subarray(half))));
}

/** An ECDSA-Sig-Value as r‖s, each of `scalarLength` bytes (32 for P-256, 48 for P-384). */
export function decodeEcdsaSignature(der: Uint8Array, scalarLength: number): Result<Uint8Array, string> {
  return readDer(der, 160, (reader) => {
    const fields = reader.enter(tag.sequence, "the signature");
    const r = readPositiveInteger(fields, scalarLength, "r");
    const s = readPositiveInteger(fields, scalarLength, "s");
    fields.end("the signature");
    const raw = new Uint8Array(2 * scalarLength);
    raw.set(r, scalarLength - r.length);
    raw.set(s, 2 * scalarLength - s.length);
    return raw;
  });
}

function isZero(raw: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at += 1) if (raw[at] !== 0) return false;
  return true;
}
