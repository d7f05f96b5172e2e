import { execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pkijs from "pkijs";
import { afterAll, expect, test } from "vitest";
import { ThreadedLeafCrypto } from "../../../src/backends/node-crypto/threaded-leaf-crypto.ts";
import { encodeCertificates } from "../../../src/domain/certificate/pem.ts";
import type { Curve } from "../../../src/domain/certificate/signature-algorithm.ts";
import { startLeafThreads } from "../../../src/programs/server/leaf-threads.ts";
import { csrFor } from "../../fakes/csr-maker.ts";
import { agent, issuanceRig, webEntry } from "../../fakes/issuance-rig.ts";
import { loneFleet } from "../../fakes/lone-fleet.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";
import { SoftwareSigner } from "../../fakes/software-signer.ts";

const never = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), "meshmint-leaf-"));
const threads = startLeafThreads(2, (cause) => {
  throw cause;
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await threads.close();
});

/** A leaf minted through the whole pipeline with real worker threads. */
async function mint(curve: Curve, pair: Parameters<typeof csrFor>[0]) {
  const software = softwareAuthority({ curve });
  const signer = new SoftwareSigner();
  signer.add(software);
  const issuers = { current: () => ({ ok: true, value: software.authority }) as const, isOpen: () => true };
  const { pipeline } = issuanceRig({
    issuers,
    signers: loneFleet(signer),
    crypto: new ThreadedLeafCrypto(threads),
  });
  const wanted = { kind: "entry", entryId: "web" } as const;
  const issued = await pipeline.issue(
    { caller: { kind: "agent", id: agent }, wanted, csr: csrFor(pair) },
    never,
  );
  if (!issued.ok) throw new Error(JSON.stringify(issued.error));
  const [leaf = new Uint8Array(), intermediate = new Uint8Array()] = issued.value.chain;
  return { ...issued.value, leaf, intermediate, root: software.root, pair };
}

const file = (name: string, ...ders: readonly Uint8Array[]): string => {
  const path = join(folder, name);
  writeFileSync(path, encodeCertificates(ders));
  return path;
};
const openssl = (...args: string[]): string =>
  execFileSync("openssl", args, { encoding: "utf8", stdio: "pipe" });

const cases = [
  ["P-256", "P-256", () => generateKeyPairSync("ec", { namedCurve: "P-256" })],
  ["P-384", "P-256", () => generateKeyPairSync("ec", { namedCurve: "P-256" })],
  ["P-256", "P-384", () => generateKeyPairSync("ec", { namedCurve: "P-384" })],
  ["P-256", "RSA 2048", () => generateKeyPairSync("rsa", { modulusLength: 2048 })],
] as const;

test.each(cases)(
  "OpenSSL, pkijs and node:crypto accept what a %s authority mints for a %s key",
  async (curve, _, key) => {
    const minted = await mint(curve, key());
    const [leaf, intermediate, root] = [
      file("leaf.pem", minted.leaf),
      file("intermediate.pem", minted.intermediate),
      file("root.pem", minted.root),
    ];
    for (const purpose of ["sslserver", "sslclient"]) {
      const verify = [
        "verify",
        "-x509_strict",
        "-purpose",
        purpose,
        "-CAfile",
        root,
        "-untrusted",
        intermediate,
      ];
      expect(openssl(...verify, leaf)).toContain("OK");
      expect(openssl(...verify, "-verify_hostname", "web.default.svc", leaf)).toContain("OK");
    }
    const text = openssl("x509", "-in", leaf, "-noout", "-text");
    expect(text).toContain(`URI:${webEntry.spiffeId}, DNS:web.default.svc`);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/);
    expect(text).toMatch(/Subject Alternative Name: critical/);

    const own = new X509Certificate(minted.leaf);
    expect(own.verify(new X509Certificate(minted.intermediate).publicKey)).toBe(true);
    expect(own.checkIssued(new X509Certificate(minted.intermediate))).toBe(true);
    expect(own.publicKey.equals(minted.pair.publicKey)).toBe(true);
    expect(own.serialNumber.toLowerCase()).toBe(minted.serial);
    expect(own.validToDate).toEqual(minted.notAfter);
    expect(own.ca).toBe(false);

    const theirs = pkijs.Certificate.fromBER(minted.leaf);
    expect(Buffer.from(theirs.toSchema().toBER())).toEqual(Buffer.from(minted.leaf));
    const chain = new pkijs.CertificateChainValidationEngine({
      trustedCerts: [pkijs.Certificate.fromBER(minted.root)],
      certs: [pkijs.Certificate.fromBER(minted.intermediate), theirs],
    });
    expect(await chain.verify()).toMatchObject({ result: true });
  },
);

test("OpenSSL refuses the leaf under another root, and once a bit of it is flipped", async () => {
  const minted = await mint("P-256", generateKeyPairSync("ec", { namedCurve: "P-256" }));
  const intermediate = file("untrusted.pem", minted.intermediate);
  const verify = (leaf: Uint8Array, root: Uint8Array) => () =>
    openssl(
      "verify",
      "-CAfile",
      file("anchor.pem", root),
      "-untrusted",
      intermediate,
      file("probe.pem", leaf),
    );
  const bent = Uint8Array.from(minted.leaf);
  bent[60] = (bent[60] ?? 0) ^ 1;
  expect(verify(minted.leaf, minted.root)()).toContain("OK");
  expect(verify(minted.leaf, softwareAuthority().root)).toThrow();
  expect(verify(bent, minted.root)).toThrow();
});

test("requests of common tools are read: OpenSSL with subject, attributes and extensions, and pkijs", async () => {
  const key = join(folder, "tool.key");
  const csr = join(folder, "tool.csr");
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key);
  const subject = [
    "-subj",
    "/C=CH/O=Café/CN=evil.example",
    "-utf8",
    "-addext",
    "subjectAltName=DNS:evil.example",
  ];
  openssl("req", "-new", "-key", key, ...subject, "-outform", "DER", "-out", csr);

  const { pipeline } = issuanceRig();
  const wanted = { kind: "entry", entryId: "web" } as const;
  const issued = await pipeline.issue(
    { caller: { kind: "agent", id: agent }, wanted, csr: readFileSync(csr) },
    never,
  );
  expect(issued.ok && new X509Certificate(issued.value.chain[0] ?? "").subjectAltName).not.toContain("evil");
});
