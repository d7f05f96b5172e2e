import { type Result, refused } from "../../foundation/result.ts";
import type { Der } from "./der.ts";
import { type DerReader, readDer, requireDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";
import { readOctetAlignedBits, readOid, readPositiveInteger } from "./der-values.ts";
import { bitString, objectIdentifier, sequence } from "./der-writer.ts";
import { oid } from "./oid.ts";
import type { Curve } from "./signature-algorithm.ts";

/** A public key by its form. Whether a point is on its curve is for node:crypto to say when it imports the key. */
export type PublicKey =
  | { readonly kind: "ec"; readonly curve: Curve; readonly bits: Uint8Array }
  | {
      readonly kind: "rsa";
      readonly modulusBits: number;
      readonly exponent: number;
      readonly bits: Uint8Array;
    };

type RsaNumbers = { readonly modulus: Uint8Array; readonly exponent: Uint8Array };

const curves: Readonly<Record<string, { readonly curve: Curve; readonly pointLength: number }>> = {
  [oid.p256]: { curve: "P-256", pointLength: 65 },
  [oid.p384]: { curve: "P-384", pointLength: 97 },
};
const curveOid: Readonly<Record<Curve, string>> = { "P-256": oid.p256, "P-384": oid.p384 };
const longestSpki = 4096;

/** The SubjectPublicKeyInfo of an uncompressed point, as PKCS#11 and node:crypto give it. RFC 5480 §2. */
export const writeEcSpki = (curve: Curve, point: Uint8Array): Der =>
  sequence(sequence(objectIdentifier(oid.ecPublicKey), objectIdentifier(curveOid[curve])), bitString(point));

/** Reads a SubjectPublicKeyInfo: P-256 or P-384 with an uncompressed point (RFC 5480 §2), or RSA (RFC 3279 §2.3.1). */
export function readSpki(spki: Uint8Array): Result<PublicKey, string> {
  return readDer(spki, longestSpki, (reader) => {
    const fields = reader.enter(tag.sequence, "the public key");
    const algorithm = fields.enter(tag.sequence, "the public key's algorithm");
    const id = readOid(algorithm, "the public key's algorithm");
    const bits = readOctetAlignedBits(fields, "the public key's bits");
    fields.end("the public key");
    if (id === oid.ecPublicKey) return readEcKey(algorithm, bits);
    requireDer(id === oid.rsaEncryption, `keys of algorithm ${id} are not accepted; use P-256, P-384 or RSA`);
    return readRsaKey(algorithm, bits);
  });
}

function readEcKey(algorithm: DerReader, bits: Uint8Array): PublicKey {
  const curve = readOid(algorithm, "the key's curve");
  algorithm.end("the key's curve");
  const known = curves[curve];
  requireDer(known !== undefined, `the curve ${curve} is not accepted; use P-256 or P-384`);
  const uncompressed = bits.length === known.pointLength && bits[0] === 4;
  requireDer(uncompressed, `the key is not an uncompressed point of ${known.curve}`);
  return { kind: "ec", curve: known.curve, bits };
}

function readRsaKey(algorithm: DerReader, bits: Uint8Array): PublicKey {
  requireDer(
    algorithm.contents(tag.null, "the RSA key's parameters").length === 0,
    "the RSA key's NULL has contents",
  );
  algorithm.end("the RSA key's parameters");
  const key = readRsaNumbers(bits);
  requireDer(key.ok, key.ok ? "" : key.error);
  const { modulus, exponent } = key.value;
  const modulusBits = modulus.length * 8 - Math.clz32((modulus[0] ?? 0) << 24);
  return { kind: "rsa", modulusBits, exponent: exponent.reduce((sum, octet) => sum * 256 + octet, 0), bits };
}

/** The numbers of an RSAPublicKey, which is what the bits of an RSA key hold. RFC 8017 Appendix A.1.1. */
export const readRsaNumbers = (bits: Uint8Array): Result<RsaNumbers, string> =>
  readDer(bits, longestSpki, (reader) => {
    const fields = reader.enter(tag.sequence, "the RSA key");
    const modulus = readPositiveInteger(fields, longestSpki, "the RSA modulus");
    const exponent = readPositiveInteger(fields, 4, "the RSA exponent");
    fields.end("the RSA key");
    return { modulus, exponent };
  });

/** For a caller that wants a P-256 or P-384 key and nothing else, such as an authority's. */
export function readEcSpki(spki: Uint8Array): Result<PublicKey & { kind: "ec" }, string> {
  const key = readSpki(spki);
  if (!key.ok) return key;
  return key.value.kind === "ec"
    ? { ok: true, value: key.value }
    : refused("an authority's key is P-256 or P-384");
}
