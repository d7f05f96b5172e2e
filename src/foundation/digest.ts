import { hash } from "node:crypto";

/** SHA-256 of the bytes, as 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array => bytesOf(hash("sha256", bytes, "latin1"));

/** SHA-384 of the bytes, as 48 bytes: what a P-384 key signs (RFC 5758 §3.2). */
export const sha384 = (bytes: Uint8Array): Uint8Array => bytesOf(hash("sha384", bytes, "latin1"));

/** SHA-256 of the bytes or of a text's UTF-8, as 64 lower-case hexadecimal characters. */
export const sha256Hex = (bytes: Uint8Array | string): string => hash("sha256", bytes, "hex");

/** A digest by way of a text costs half of one in a Buffer, which has memory of its own outside of the heap. */
function bytesOf(latin1: string): Uint8Array {
  const bytes = new Uint8Array(latin1.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = latin1.charCodeAt(at);
  return bytes;
}
