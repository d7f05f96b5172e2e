/**
 * r and s of every length, with and without a sign byte, under keys that make exactly these signatures: what leaves the
 * sealing stage verifies for OpenSSL and Go, and pkijs finds the very integers. An encoder that loses a zero byte, or
 * keeps one too many, shows here at once, and in the field with one leaf in 256.
 */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { LeafMaker } from "../../src/backends/node-crypto/leaf-maker.ts";
import { readCertificate } from "../../src/domain/certificate/certificate.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { decodeEcdsaSignature } from "../../src/domain/certificate/ecdsa-signature.ts";
import { must } from "../../src/domain/certificate/leaf.fixtures.ts";
import { encodeCertificates } from "../../src/domain/certificate/pem.ts";
import { defaultProfiles } from "../../src/domain/certificate/profile.ts";
import type { Curve } from "../../src/domain/certificate/signature-algorithm.ts";
import { writeEcSpki } from "../../src/domain/certificate/spki.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import { newP256Csr } from "../fakes/csr-maker.ts";
import { type SoftwareAuthority, softwareAuthority } from "../fakes/software-authority.ts";
import { needs } from "../parts/parts.ts";
import { chosenSignature, type ScalarShape } from "./chosen-signature.ts";
import { readByGo, signatureIntegers } from "./readers.ts";

const folder = mkdtempSync(join(tmpdir(), "meshmint-signatures-"));
afterAll(() => rmSync(folder, { recursive: true }));

const firsts = [0x01, 0x7f, 0x80, 0xfe]; // 0xff… would be above the order
const shapesOf = (length: number): ScalarShape[] =>
  Array.from({ length }, (_, zeros) => firsts.map((first) => ({ zeros, first }))).flat();

/** A leaf sealed with that signature, and the authority's certificate with the key that made it. */
function seal(software: SoftwareAuthority, shapes: { r: ScalarShape; s: ScalarShape }) {
  const curve: Curve = software.spki.length < 100 ? "P-256" : "P-384";
  const { certificate, notBefore } = software.authority;
  const maker = new LeafMaker();
  const [linted] = maker.prepare(certificate, [order(notBefore)]);
  const tbs = must(linted!).redeem();
  const { raw, publicPoint } = chosenSignature(curve, tbs, shapes);
  const authority = withKey(software, writeEcSpki(curve, publicPoint));
  const [sealed] = maker.seal(authority, [{ tbs, signature: raw }]);
  return { raw, authority, leaf: must(sealed!) };
}

const order = (notBefore: Date) => ({
  profile: defaultProfiles.workload,
  spiffeId: "spiffe://mesh.test/web" as SpiffeId,
  dnsNames: [],
  serial: new Uint8Array(18).fill(9),
  validity: { notBefore, notAfter: new Date(notBefore.getTime() + 3_600_000) },
  csr,
});
const csr = newP256Csr();

/** The same certificate, key identifier and all, with another key in it. Its own signature is nobody's business here. */
function withKey(software: SoftwareAuthority, spki: Der): Der {
  const bytes = Buffer.from(software.authority.certificate);
  bytes.set(spki, bytes.indexOf(software.spki));
  return new Uint8Array(bytes) as Der;
}

/** What an INTEGER's contents must be: no zero byte too many, and one where the first bit is set. X.690 §8.3. */
function integerOf(scalar: Uint8Array): string {
  const digits = Buffer.from(scalar)
    .toString("hex")
    .replace(/^(?:00)+/, "");
  return Number.parseInt(digits.slice(0, 2), 16) >= 0x80 ? `00${digits}` : digits;
}

test.each(["P-256", "P-384"] as const)("r and s of every form under %s verify and are read back", (curve) => {
  const software = softwareAuthority({ curve });
  const length = curve === "P-256" ? 32 : 48;
  const shapes = shapesOf(length);
  for (const [at, r] of shapes.entries()) {
    const s = shapes[(at * 5 + 2) % shapes.length] ?? r;
    const { raw, authority, leaf } = seal(software, { r, s });
    const wanted = [integerOf(raw.subarray(0, length)), integerOf(raw.subarray(length))];
    expect(signatureIntegers(leaf), `r ${JSON.stringify(r)}, s ${JSON.stringify(s)}`).toEqual(wanted);
    expect(new X509Certificate(leaf).verify(new X509Certificate(authority).publicKey)).toBe(true);
    expect(decodeEcdsaSignature(must(readCertificate(leaf)).signature, length)).toEqual({
      ok: true,
      value: raw,
    });
  }
});

needs("go clients")("Go verifies them too", () => {
  const software = softwareAuthority();
  const path = (name: string) => join(folder, name);
  for (const zeros of [0, 1, 31]) {
    for (const first of firsts) {
      const { authority, leaf } = seal(software, { r: { zeros, first }, s: { zeros: 31 - zeros, first } });
      writeFileSync(path("leaf.pem"), encodeCertificates([leaf]));
      writeFileSync(path("issuer.pem"), encodeCertificates([authority]));
      expect(readByGo(path("leaf.pem"), path("issuer.pem"))).toMatchObject([{ signed: true }]);
    }
  }
});

test("a signature with a bit flipped, of another length, or of zeros is not put into a certificate", () => {
  const software = softwareAuthority();
  const shape = { zeros: 0, first: 0x7f };
  const { raw, authority, leaf } = seal(software, { r: shape, s: shape });
  const { tbs } = must(readCertificate(leaf));
  const refuses = (signature: Uint8Array) =>
    new LeafMaker().seal(authority, [{ tbs, signature }])[0]?.ok === false;
  for (let bit = 0; bit < raw.length * 8; bit += 1) {
    const bent = Uint8Array.from(raw);
    bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(refuses(bent)).toBe(true);
  }
  for (const odd of [new Uint8Array(64), raw.subarray(1), new Uint8Array([...raw, 0]), new Uint8Array()]) {
    expect(refuses(odd)).toBe(true);
  }
});
