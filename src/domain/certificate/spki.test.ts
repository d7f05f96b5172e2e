import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { expect, test } from "vitest";
import type { Der } from "./der.ts";
import * as write from "./der-writer.ts";
import { must } from "./leaf.fixtures.ts";
import { oid } from "./oid.ts";
import { readEcSpki, readSpki, writeEcSpki } from "./spki.ts";
import { subjectKeyFlaw } from "./subject-key.ts";

const spkiOf = (key: KeyObject): Der => new Uint8Array(key.export({ type: "spki", format: "der" })) as Der;

test.each(["P-256", "P-384"] as const)("a %s key is read, and written as node:crypto writes it", (curve) => {
  const spki = spkiOf(generateKeyPairSync("ec", { namedCurve: curve }).publicKey);
  const key = must(readEcSpki(spki));
  expect(key.curve).toBe(curve);
  expect(writeEcSpki(curve, key.bits)).toEqual(spki);
  expect(subjectKeyFlaw(key)).toBeUndefined();
});

test.each([
  [2048, 65_537, undefined],
  [1024, 65_537, "too short"],
  [2047, 65_537, "too short"],
  [2052, 65_537, "whole number"],
  [2048, 3, "65537"],
])("an RSA key of %i bits with exponent %i", (modulusLength, publicExponent, flaw) => {
  const spki = spkiOf(generateKeyPairSync("rsa", { modulusLength, publicExponent }).publicKey);
  const key = must(readSpki(spki));
  expect(key).toMatchObject({ kind: "rsa", modulusBits: modulusLength, exponent: publicExponent });
  if (flaw === undefined) expect(subjectKeyFlaw(key)).toBeUndefined();
  else expect(subjectKeyFlaw(key)).toContain(flaw);
  expect(readEcSpki(spki).ok).toBe(false);
});

const ec = (curve: string, bits: Uint8Array) =>
  write.sequence(
    write.sequence(write.objectIdentifier(oid.ecPublicKey), write.objectIdentifier(curve)),
    write.bitString(bits),
  );

test.each<[string, Uint8Array]>([
  ["a compressed point", ec(oid.p256, new Uint8Array(33).fill(2))],
  ["the point at infinity", ec(oid.p256, Uint8Array.of(0))],
  ["a hybrid point", ec(oid.p256, new Uint8Array(65).fill(6))],
  ["a point of another length", ec(oid.p384, new Uint8Array(65).fill(4))],
  ["secp256k1", ec("1.3.132.0.10", new Uint8Array(65).fill(4))],
  ["Ed25519", spkiOf(generateKeyPairSync("ed25519").publicKey)],
  ["RSA-PSS", spkiOf(generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey)],
  [
    "RSA without parameters",
    write.sequence(
      write.sequence(write.objectIdentifier(oid.rsaEncryption)),
      write.bitString(new Uint8Array(9)),
    ),
  ],
])("%s is refused", (_, spki) => {
  expect(readSpki(spki).ok).toBe(false);
});
