import { sha256Hex } from "../../foundation/digest.ts";
import type { Admitted } from "./request.ts";

/** Bytes of UTF-8 for one character of JavaScript, at most. */
const mostPerCharacter = 3;

/**
 * Names an issuance: caller, registration as it was, profile, authority and request, under one SHA-256 in lower-case
 * hexadecimal. If any of these differs it is a new issuance; the same one, come again, costs no other signature.
 */
export function requestKey(order: Admitted, authorityKeyId: string): string {
  const { caller, spiffeId, entryId, entryRevision, profile, csr } = order;
  const names = `${caller.id} ${spiffeId} ${entryId} ${entryRevision} ${profile.version} ${authorityKeyId} `;
  const bytes = Buffer.allocUnsafe(names.length * mostPerCharacter + csr.length);
  const written = bytes.write(names);
  bytes.set(csr, written);
  return sha256Hex(bytes.subarray(0, written + csr.length));
}
