import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readCsr, writeCsr, writeCsrInfo } from "./csr.ts";
import type { Der } from "./der.ts";
import * as write from "./der-writer.ts";
import { must } from "./leaf.fixtures.ts";
import { ecdsaOn } from "./signature-algorithm.ts";

const spkiOf = (key: KeyObject): Der => new Uint8Array(key.export({ type: "spki", format: "der" })) as Der;
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const spki = spkiOf(p256.publicKey);
const info = writeCsrInfo(spki);
const algorithm = ecdsaOn["P-256"].identifier;
const good = writeCsr(info, algorithm, sign("sha256", info, p256.privateKey));

test("what we write is read back", () => {
  const csr = must(readCsr(good));
  expect(csr).toMatchObject({
    spki,
    signed: info,
    hash: "sha256",
    publicKey: { kind: "ec", curve: "P-256" },
  });
});

const p224 = spkiOf(generateKeyPairSync("ec", { namedCurve: "secp224r1" }).publicKey);
const ed25519 = spkiOf(generateKeyPairSync("ed25519").publicKey);
const rsa = spkiOf(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey);
const withInfo = (...parts: Uint8Array[]) => writeCsr(write.sequence(...parts), algorithm, Uint8Array.of(1));
const [version, subject, attributes] = [write.smallInteger(0), write.sequence(), write.explicit(0)];

test.each<[string, Uint8Array]>([
  ["nothing", new Uint8Array()],
  ["text", Buffer.from("-----BEGIN CERTIFICATE REQUEST-----")],
  ["1 MiB of zeros", new Uint8Array(1 << 20)],
  ["16 KiB and a byte", write.sequence(new Uint8Array(16 * 1024 - 3))],
  ["a byte behind it", new Uint8Array([...good, 0])],
  ["a cut end", good.subarray(0, -1)],
  ["no attributes", withInfo(version, subject, spki)],
  ["another version", withInfo(write.smallInteger(1), subject, spki, attributes)],
  ["something behind the attributes", withInfo(version, subject, spki, attributes, write.nullValue())],
  ["P-224", withInfo(version, subject, p224, attributes)],
  ["Ed25519", withInfo(version, subject, ed25519, attributes)],
  ["an RSA key with an ECDSA signature", withInfo(version, subject, rsa, attributes)],
  ["SHA-1", writeCsr(info, write.sequence(write.objectIdentifier("1.2.840.10045.4.1")), Uint8Array.of(1))],
])("%s is refused", (_, bytes) => {
  expect(readCsr(bytes).ok).toBe(false);
});

test("random bytes and bent requests never crash the reader", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => !readCsr(bytes).ok));
  const bend = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(bend, { minLength: 1, maxLength: 4 }), (bends) => {
      const bytes = Uint8Array.from(good);
      for (const [at, octet] of bends) bytes[at] = octet;
      expect(readCsr(bytes as Der)).toHaveProperty("ok");
    }),
  );
});
