import { sha256 } from "../../foundation/digest.ts";
import type { Result } from "../../foundation/result.ts";
import { toHex } from "./hex.ts";
import { readSpki } from "./spki.ts";

/** The first 20 bytes of SHA-256 over the subjectPublicKey bits. RFC 7093 §2, method 1. */
export const keyIdentifierOfBits = (bits: Uint8Array): Uint8Array => sha256(bits).subarray(0, 20);

/** The key identifier of a SubjectPublicKeyInfo in lower-case hexadecimal: an authority's name, and its CKA_ID. */
export function keyIdOfSpki(spki: Uint8Array): Result<string, string> {
  const key = readSpki(spki);
  return key.ok ? { ok: true, value: toHex(keyIdentifierOfBits(key.value.bits)) } : key;
}
