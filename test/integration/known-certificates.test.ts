import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { KnownCertificates } from "../../src/backends/node-crypto/known-certificates.ts";
import { softwareAuthority } from "../fakes/software-authority.ts";

const ours = softwareAuthority();
const other = softwareAuthority();

test("the same bytes are read once, whoever holds them; others are others", () => {
  const known = new KnownCertificates();
  const first = known.read(ours.root);
  expect(known.read(new Uint8Array(ours.root))).toBe(first);
  expect(known.read(Buffer.concat([Buffer.of(1), ours.root]).subarray(1))).toBe(first);
  const next = known.read(other.root);
  expect([next === first, Buffer.from(next.raw).equals(other.root)]).toEqual([false, true]);
  expect(() => known.read(Uint8Array.of(1, 2, 3))).toThrow();
});

test("what was not asked for lately is forgotten, what is asked for again stays", () => {
  const known = new KnownCertificates();
  const [issuer, rare] = [known.read(ours.root), known.read(other.root)];
  for (let count = 0; count < 300; count += 1) {
    known.read(softwareAuthority().authority.certificate);
    expect(known.read(ours.root)).toBe(issuer);
  }
  expect(known.read(other.root)).not.toBe(rare);
});

test("an issuer is who signed it: a root of the same name is not, asked once or again", () => {
  const known = new KnownCertificates();
  const certificate = known.read(ours.authority.certificate);
  for (let count = 0; count < 2; count += 1) {
    expect(known.isIssuedBy(certificate, known.read(ours.root))).toBe(true);
    expect(known.isIssuedBy(certificate, known.read(other.root))).toBe(false);
    expect(known.isIssuedBy(known.read(ours.root), certificate)).toBe(false);
    expect(known.isIssuedBy(known.read(ours.root), known.read(ours.root))).toBe(true);
  }
  const foreign = new X509Certificate(ours.root);
  expect(known.isIssuedBy(certificate, foreign)).toBe(true);
});
