import { hash } from "node:crypto";

/** SHA-256 of the bytes, as 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

/** SHA-384 of the bytes, as 48 bytes: what a P-384 key signs (RFC 5758 §3.2). */
export const sha384 = (bytes: Uint8Array): Uint8Array => hash("sha384", bytes, "buffer");

/** SHA-256 of the bytes or of a text's UTF-8, as 64 lower-case hexadecimal characters. */
export const sha256Hex = (bytes: Uint8Array | string): string => hash("sha256", bytes, "hex");
