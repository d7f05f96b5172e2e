import { X509Certificate } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { LeafMaker } from "../../src/backends/node-crypto/leaf-maker.ts";
import type { Issued } from "../../src/control/issuance/request.ts";
import {
  extension,
  authority as madeAuthority,
  leaf as madeLeaf,
  sanOf,
  uri,
} from "../../src/custody/custody.fixtures.ts";
import { type Certificate, readCertificate } from "../../src/domain/certificate/certificate.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { sequence } from "../../src/domain/certificate/der-writer.ts";
import { leafIssuer } from "../../src/domain/certificate/leaf-issuer.ts";
import { readLeafTbs } from "../../src/domain/certificate/leaf-tbs.ts";
import { oid } from "../../src/domain/certificate/oid.ts";
import { newP256Csr } from "../fakes/csr-maker.ts";
import { agent, type IssuanceRig, issuanceRig, webEntry } from "../fakes/issuance-rig.ts";

const never = new AbortController().signal;
const dnsNames = ["web", "web.default.svc", "web.default.svc.cluster.local"];
let rig: IssuanceRig;
let issued: Issued;
let leaf: Certificate;
let authority: Certificate;

const read = (der: Uint8Array | undefined): Certificate => {
  const certificate = readCertificate(der ?? new Uint8Array());
  if (!certificate.ok) throw new Error(certificate.error);
  return certificate.value;
};
const isCritical = (id: string) => leaf.extensions.list.find((extension) => extension.oid === id)?.critical;
const ask = () => {
  const wanted = { kind: "entry", entryId: "web" } as const;
  return rig.pipeline.issue({ caller: { kind: "agent", id: agent }, wanted, csr: newP256Csr() }, never);
};

beforeAll(async () => {
  rig = issuanceRig();
  rig.entries.set("web", { ...webEntry, dnsNames });
  const outcome = await ask();
  if (!outcome.ok) throw new Error(outcome.error.code);
  issued = outcome.value;
  leaf = read(issued.chain[0]);
  authority = read(rig.software.authority.certificate);
});

test("X1: a leaf has exactly one URI name, the SPIFFE ID, and any number of DNS names", () => {
  expect(leaf.extensions.subjectAltName).toEqual({ uris: [webEntry.spiffeId], dnsNames, others: 0 });
  expect(readLeafTbs(withUris()).ok).toBe(false);
  expect(readLeafTbs(withUris(webEntry.spiffeId)).ok).toBe(true);
  expect(readLeafTbs(withUris(webEntry.spiffeId, "spiffe://mesh.test/b")).ok).toBe(false);
});

/** A TBSCertificate with these URI names and no other. */
function withUris(...uris: readonly string[]): Der {
  const names = extension(oid.subjectAltName, true, sanOf(...uris.map(uri)));
  return madeLeaf(madeAuthority(), new Date(), { replace: { [oid.subjectAltName]: names } });
}

test("X2: a leaf is no CA, its SPIFFE ID has a path, and its names are critical as the subject is empty", async () => {
  expect(leaf.extensions.basicConstraints).toEqual({ ca: false });
  expect(isCritical(oid.basicConstraints)).toBe(true);
  expect(leaf.subject).toHaveLength(2);
  expect(isCritical(oid.subjectAltName)).toBe(true);
  rig.entries.set("web", {
    ...webEntry,
    revision: 9,
    spiffeId: "spiffe://mesh.test" as typeof webEntry.spiffeId,
  });
  expect(await ask()).toMatchObject({ ok: false, error: { code: "not-allowed" } });
  rig.entries.set("web", { ...webEntry, dnsNames });
});

test("X3: key usage is critical and digitalSignature alone", () => {
  expect(leaf.extensions.keyUsage).toEqual([0]);
  expect(isCritical(oid.keyUsage)).toBe(true);
});

test("X4: extended key usage has both ends of TLS", () => {
  expect(leaf.extensions.extendedKeyUsage).toEqual([oid.serverAuth, oid.clientAuth]);
});

test("X5: only a certificate with cA TRUE and keyCertSign signs leaves", () => {
  expect(leafIssuer(authority).ok).toBe(true);
  const { extensions } = authority;
  expect(
    leafIssuer({ ...authority, extensions: { ...extensions, basicConstraints: { ca: false } } }).ok,
  ).toBe(false);
  expect(leafIssuer({ ...authority, extensions: { ...extensions, keyUsage: [0, 6] } }).ok).toBe(false);
  expect(leafIssuer({ ...authority, subject: sequence() }).ok).toBe(false); // RFC 5280 §4.1.2.6
  expect(() => new LeafMaker().seal(leaf.der, [])).toThrow("cannot issue leaves");
});

test("X9: a name that the authority's constraints exclude is refused before it is signed", async () => {
  const other = {
    ...webEntry,
    revision: 10,
    spiffeId: "spiffe://other.test/web" as typeof webEntry.spiffeId,
  };
  rig.entries.set("web", other);
  expect((await ask()).ok).toBe(false);
  rig.entries.set("web", { ...webEntry, dnsNames });
  expect(authority.extensions.nameConstraints?.permitted.uris).toEqual(["mesh.test"]);
});

test("X10: the chain is leaf first, then the intermediate, and never the root", () => {
  const [first, second, ...more] = issued.chain.map((der) => new X509Certificate(der));
  expect(first?.subjectAltName).toContain(webEntry.spiffeId);
  expect(first?.verify(second!.publicKey)).toBe(true);
  expect(second?.checkIssued(new X509Certificate(rig.software.root))).toBe(true);
  expect(more).toEqual([]);
});
