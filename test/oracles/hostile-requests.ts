import { generateKeyPairSync, generatePrimeSync, type KeyObject, sign } from "node:crypto";
import { writeCsr, writeCsrInfo } from "../../src/domain/certificate/csr.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import * as write from "../../src/domain/certificate/der-writer.ts";
import { oid } from "../../src/domain/certificate/oid.ts";
import { ecdsaOn } from "../../src/domain/certificate/signature-algorithm.ts";
import { spkiOf } from "../fakes/software-authority.ts";
import { requestKeys, signedRequest } from "./request-cases.ts";

const { publicKey, privateKey } = requestKeys["P-256"];
const spki = spkiOf(publicKey);
const point = spki.subarray(-65);
const info = writeCsrInfo(spki);
const algorithm = ecdsaOn["P-256"].identifier;
const signature = sign("sha256", info, privateKey);
const [version, subject, attributes] = [write.smallInteger(0), write.sequence(), write.explicit(0)];
const join = (...parts: readonly Uint8Array[]): Der => new Uint8Array(Buffer.concat(parts)) as Der;

/** Everything right but for the key's own form, and signed by a key that somebody has. */
const withKey = (key: Uint8Array, by: KeyObject = privateKey): Der =>
  signedRequest(write.sequence(version, subject, key, attributes), by);
const withParts = (...parts: readonly Uint8Array[]): Der =>
  signedRequest(write.sequence(...parts), privateKey);
const withSignature = (bytes: Uint8Array): Der => writeCsr(info, algorithm, bytes);
const withAlgorithm = (...parts: readonly Uint8Array[]): Der =>
  writeCsr(info, write.sequence(...parts), signature);

const ecKey = (curve: string, bits: Uint8Array) =>
  write.sequence(
    write.sequence(write.objectIdentifier(oid.ecPublicKey), write.objectIdentifier(curve)),
    write.bitString(bits),
  );
function rsaRequest(modulusLength: number, publicExponent = 65_537): Der {
  const pair = generateKeyPairSync("rsa", { modulusLength, publicExponent });
  return withKey(spkiOf(pair.publicKey), pair.privateKey);
}
const rsaKey = (modulus: Uint8Array, exponent: Uint8Array) =>
  write.sequence(
    write.sequence(write.objectIdentifier(oid.rsaEncryption), write.nullValue()),
    write.bitString(write.sequence(modulus, exponent)),
  );
const rsaPrivate = requestKeys["RSA 2048"].privateKey;
const modulusOf = (n: bigint) => write.unsignedInteger(Buffer.from(n.toString(16).padStart(512, "0"), "hex"));
const f4 = write.smallInteger(65_537);
const big = write.value(0x02, new Uint8Array(12_000).fill(0x7f));

/** The last coordinate is off by one bit. */
const offCurve = Uint8Array.from(point, (octet, at) => (at === 64 ? octet ^ 1 : octet));
const aboveField = join(Uint8Array.of(4), new Uint8Array(64).fill(0xff));

function nested(levels: number): Uint8Array {
  let value: Uint8Array = write.nullValue();
  for (let level = 0; level < levels; level += 1) value = write.sequence(value);
  return value;
}
const attribute = (...values: readonly Uint8Array[]) =>
  write.sequence(write.objectIdentifier("1.2.840.113549.1.9.7"), write.value(0x31, ...values));
const word = write.utf8String("secret");
const named = (value: Uint8Array) =>
  withParts(
    version,
    write.sequence(write.setOf(write.sequence(write.objectIdentifier("2.5.4.3"), value))),
    spki,
    attributes,
  );
const attributed = (...list: readonly Uint8Array[]) =>
  withParts(version, subject, spki, write.explicit(0, ...list));
const one = write.smallInteger(1);

/** By name; each is refused for this reason alone, as its signature verifies wherever there can be one. */
export function hostileRequests(): [string, Uint8Array][] {
  const p = generatePrimeSync(1024, { bigint: true });
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return [
    [
      "an indefinite length",
      join(Uint8Array.of(0x30, 0x80), info, algorithm, write.bitString(signature), Uint8Array.of(0, 0)),
    ],
    ["an indefinite length inside", withParts(version, Uint8Array.of(0x30, 0x80, 0, 0), spki, attributes)],
    [
      "a length in more bytes than it needs",
      withParts(version, Uint8Array.of(0x30, 0x81, 0), spki, attributes),
    ],
    ["a length of eight bytes", Uint8Array.of(0x30, 0x88, 0, 0, 0, 0, 0, 0, 0, 1, 0)],
    ["a length beyond the end", Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0)],
    ["a byte behind it", join(writeCsr(info, algorithm, signature), Uint8Array.of(0))],
    ["64 KiB and more", join(writeCsr(info, algorithm, signature), new Uint8Array(65_536))],
    ["a megabyte of nested sequences", new Uint8Array(1 << 20).fill(0x30)],
    [
      "a version that is negative",
      withParts(write.value(0x02, Uint8Array.of(0xff)), subject, spki, attributes),
    ],
    [
      "a version with a redundant zero",
      withParts(write.value(0x02, Uint8Array.of(0, 0)), subject, spki, attributes),
    ],
    ["a version of 12,000 bytes", withParts(big, subject, spki, attributes)],
    ["an attribute twice", attributed(attribute(word), attribute(word))],
    ["an attribute without a value", attributed(attribute())],
    ["an attribute that is nested 200 deep", attributed(attribute(nested(200)))],
    [
      "an attribute with a string in pieces",
      attributed(attribute(Uint8Array.of(0x24, 0x04, 0x04, 0x02, 1, 2))),
    ],
    ["an attribute with a BOOLEAN of 01", attributed(attribute(Uint8Array.of(1, 1, 1)))],
    [
      "a thousand attributes",
      attributed(
        ...Array.from({ length: 1000 }, (_, at) =>
          write.sequence(write.objectIdentifier(`1.2.${at}`), write.setOf(one)),
        ),
      ),
    ],
    ["a subject that is no name", withParts(version, write.sequence(one), spki, attributes)],
    ["a name that is not UTF-8", named(write.value(0x0c, Uint8Array.of(0xc0, 0xaf)))],
    ["a name that is an INTEGER", named(one)],
    ["a signature by another key", withKey(spki, other.privateKey)],
    ["r of zero", withSignature(write.sequence(write.smallInteger(0), one))],
    ["s of zero", withSignature(write.sequence(one, write.smallInteger(0)))],
    ["r and s of one", withSignature(write.sequence(one, one))],
    ["a negative r", withSignature(write.sequence(write.value(0x02, Uint8Array.of(0x80)), one))],
    ["r with a redundant zero", withSignature(redundant(signature))],
    ["a signature with a byte behind it", withSignature(join(signature, Uint8Array.of(0)))],
    ["a signature that is empty", withSignature(new Uint8Array())],
    [
      "ECDSA with NULL parameters",
      withAlgorithm(write.objectIdentifier(oid.ecdsaWithSha256), write.nullValue()),
    ],
    [
      "ECDSA with a curve as parameter",
      withAlgorithm(write.objectIdentifier(oid.ecdsaWithSha256), write.objectIdentifier(oid.p256)),
    ],
    ["SHA-1", withAlgorithm(write.objectIdentifier("1.2.840.10045.4.1"))],
    [
      "RSA's algorithm for an elliptic key",
      withAlgorithm(write.objectIdentifier(oid.sha256WithRsa), write.nullValue()),
    ],
    ["a point off the curve", withKey(ecKey(oid.p256, offCurve))],
    ["coordinates above the field", withKey(ecKey(oid.p256, aboveField))],
    ["the point at infinity", withKey(ecKey(oid.p256, Uint8Array.of(0)))],
    [
      "a compressed point",
      withKey(ecKey(oid.p256, join(Uint8Array.of(2 + ((point[64] ?? 0) & 1)), point.subarray(1, 33)))),
    ],
    [
      "a hybrid point",
      withKey(ecKey(oid.p256, join(Uint8Array.of(6 + ((point[64] ?? 0) & 1)), point.subarray(1)))),
    ],
    ["P-256 said to be P-384", withKey(ecKey(oid.p384, point))],
    [
      "no curve",
      withKey(
        write.sequence(write.sequence(write.objectIdentifier(oid.ecPublicKey)), write.bitString(point)),
      ),
    ],
    ...(["secp521r1", "secp224r1", "secp256k1"].map((namedCurve) => {
      const pair = generateKeyPairSync("ec", { namedCurve });
      return [namedCurve, withKey(spkiOf(pair.publicKey), pair.privateKey)];
    }) as [string, Uint8Array][]),
    ["RSA of 1024 bits", rsaRequest(1024)],
    ["RSA of 2052 bits", rsaRequest(2052)],
    ["RSA with exponent 3", rsaRequest(2048, 3)],
    ["RSA with an even exponent", withKey(rsaKey(modulusOf(p * p), write.smallInteger(65_536)), rsaPrivate)],
    ["RSA with exponent 1", withKey(rsaKey(modulusOf(p * p), one), rsaPrivate)],
    [
      "RSA with a negative modulus",
      withKey(rsaKey(write.value(0x02, new Uint8Array(256).fill(0x80)), f4), rsaPrivate),
    ],
    ["RSA whose modulus is a square", withKey(rsaKey(modulusOf(p * p), f4), rsaPrivate)],
    ["RSA of 90,000 bits", withKey(rsaKey(big, f4), rsaPrivate)],
  ];
}

/** The same r and s, the first with a zero byte that DER forbids. */
function redundant(good: Uint8Array): Der {
  const length = good[3] ?? 0;
  const r = good.subarray(4, 4 + length);
  return write.sequence(write.value(0x02, Uint8Array.of(0), r), good.subarray(4 + length));
}
