import type { PublicKey } from "./spki.ts";

/**
 * Why a key is too weak or too odd to certify, or undefined. P-256 and P-384 are all the curves that the reader lets
 * through; RSA needs 2048 to 4096 bits in whole bytes and the exponent 65537 (CA/Browser Forum BR §6.1.1.5, §6.1.6).
 */
export function subjectKeyFlaw(key: PublicKey): string | undefined {
  if (key.kind === "ec") return undefined;
  if (key.modulusBits < 2048)
    return `RSA keys of ${key.modulusBits} bits are too short; use 2048 or more, or P-256`;
  if (key.modulusBits > 4096) return `RSA keys of ${key.modulusBits} bits cost too much to verify; use P-256`;
  if (key.modulusBits % 8 !== 0) return "the RSA modulus is not a whole number of bytes";
  return key.exponent === 65_537 ? undefined : "the RSA exponent is not 65537";
}
