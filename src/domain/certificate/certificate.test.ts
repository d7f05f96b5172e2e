import { expect, test } from "vitest";
import { readCertificate } from "./certificate.ts";
import { intermediatePem, rootPem } from "./certificate.vectors.ts";
import { toHex } from "./hex.ts";
import { keyIdOfSpki } from "./key-identifier.ts";
import { decodeCertificates } from "./pem.ts";
import { readSpki } from "./spki.ts";

const read = (pem: string) => {
  const ders = decodeCertificates(pem);
  const certificate = readCertificate((ders.ok && ders.value[0]) || new Uint8Array());
  if (!certificate.ok) throw new Error(certificate.error);
  return certificate.value;
};

test("an intermediate that OpenSSL made is read field by field", () => {
  const certificate = read(intermediatePem);
  expect(certificate.serial).toBe("0102030405060708090a");
  expect(certificate.signatureAlgorithm).toBe("1.2.840.10045.4.3.3");
  expect(toHex(certificate.issuer)).toBe(toHex(read(rootPem).subject));
  expect(certificate.extensions.basicConstraints).toEqual({ ca: true, pathLength: 0 });
  expect(certificate.extensions.keyUsage).toEqual([5, 6]);
  expect(certificate.extensions.authorityKeyId).toBe(read(rootPem).extensions.subjectKeyId);
  expect(certificate.extensions.extendedKeyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  expect(certificate.extensions.subjectAltName).toEqual({
    uris: ["spiffe://mesh.test"],
    dnsNames: ["ca.mesh.test"],
    others: 1,
  });
  expect(certificate.extensions.nameConstraints).toEqual({
    permitted: { uris: ["mesh.test"], dnsNames: [], ipRanges: [], others: 0 },
    excluded: { uris: [], dnsNames: [""], ipRanges: ["0000000000000000", "0".repeat(64)], others: 0 },
  });
  expect(certificate.extensions.list.find((extension) => extension.oid === "2.5.29.30")?.critical).toBe(true);
  expect(readSpki(certificate.spki)).toMatchObject({ ok: true, value: { kind: "ec", curve: "P-256" } });
  expect(keyIdOfSpki(certificate.spki)).toEqual({ ok: true, value: expect.stringMatching(/^[0-9a-f]{40}$/) });
});

test("a root whose notAfter lies behind 2050 is read", () => {
  const root = read(rootPem);
  expect(root.notAfter.getUTCFullYear()).toBeGreaterThan(2050);
  expect(readSpki(root.spki)).toMatchObject({ ok: true, value: { kind: "ec", curve: "P-384" } });
});

test("a flipped bit anywhere in the structure is refused or changes what is read, and never crashes", () => {
  const { der } = read(intermediatePem);
  for (let at = 0; at < der.length; at += 1) {
    const bent = Uint8Array.from(der);
    bent[at] = (bent[at] ?? 0) ^ 0x20;
    const outcome = readCertificate(bent);
    if (outcome.ok) expect(outcome.value.der).not.toEqual(der);
  }
});
