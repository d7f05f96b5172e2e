/**
 * Leaves that the pipeline issues, read back by five programs that share no code with it: what they read is what was asked.
 * SEED=… makes other cases; a failure names its case.
 */
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import fc from "fast-check";
import * as pkijs from "pkijs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeCertificates } from "../../src/domain/certificate/pem.ts";
import { needs } from "../parts/parts.ts";
import { everyPrefix, leafCase } from "./leaf-cases.ts";
import { pkilint, zlint } from "./linters.ts";
import { type MintedLeaf, mintAll } from "./minted-leaf.ts";
import { type Read, readByGo, readByNode, readByOpenssl, readByPkijs } from "./readers.ts";

const seed = Number(process.env.SEED ?? 5280);
const folder = mkdtempSync(join(tmpdir(), "meshmint-oracles-"));
let minted: MintedLeaf[];
/** A share of them, for the linters, which are slow. */
let few: MintedLeaf[];

beforeAll(async () => {
  minted = await mintAll([...everyPrefix(), ...fc.sample(leafCase, { numRuns: 2500, seed })]);
  few = minted.filter((_, at) => at % 8 === 0);
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, ders: readonly Uint8Array[]): string {
  const path = join(folder, name);
  writeFileSync(path, encodeCertificates(ders));
  return path;
}
const certificates = (leaves: readonly MintedLeaf[]) => leaves.map(({ certificate }) => certificate);

/** Holds what a reader tells against the case, and says which case it was. */
function compare({ asked, expected }: MintedLeaf, read: Read | undefined): void {
  const told = Object.keys(read ?? {}) as (keyof Read)[];
  const wanted = Object.fromEntries(told.map((field) => [field, expected[field]]));
  expect(read, `seed ${seed}: ${JSON.stringify(asked)}`).toEqual(wanted);
}

test("node:crypto reads what was asked, and the authority's key made the signature", () => {
  const keys = new Map<Uint8Array, X509Certificate>();
  for (const leaf of minted) {
    compare(leaf, readByNode(leaf.certificate));
    const authority = keys.get(leaf.authority) ?? new X509Certificate(leaf.authority);
    keys.set(leaf.authority, authority);
    expect(new X509Certificate(leaf.certificate).verify(authority.publicKey)).toBe(true);
  }
});

test("pkijs reads what was asked", () => {
  for (const leaf of minted) compare(leaf, readByPkijs(leaf.certificate));
});

test("I3: what is signed is the very TBSCertificate whose digest the intent holds, as pkijs carves it out", () => {
  for (const { certificate, tbsSha256 } of minted) {
    const tbs = pkijs.Certificate.fromBER(certificate).tbsView;
    expect(createHash("sha256").update(tbs).digest("hex")).toBe(tbsSha256);
  }
});

needs("openssl")("OpenSSL reads what was asked", () => {
  const read = readByOpenssl(file("all.pem", certificates(minted)));
  expect(read).toHaveLength(minted.length);
  for (const [at, leaf] of minted.entries()) compare(leaf, read[at]);
});

needs("go clients")("Go's crypto/x509 reads what was asked, and finds the signature good", () => {
  for (const leaves of Map.groupBy(minted, ({ authority }) => authority).values()) {
    const authority = leaves[0]?.authority ?? new Uint8Array();
    const read = readByGo(file("all.pem", certificates(leaves)), file("issuer.pem", [authority]));
    expect(read).toHaveLength(leaves.length);
    leaves.forEach((leaf, at) => {
      const { signed, ...told } = read[at] ?? { signed: false };
      compare(leaf, told);
      expect(signed).toBe(true);
    });
  }
});

needs("zlint")("zlint finds no error", () => {
  expect(zlint(few.map(({ certificate }, at) => file(`${at}.pem`, [certificate])))).toEqual({});
});

needs("python clients")("pkilint finds no error", () => {
  expect(pkilint(file("few.pem", certificates(few)))).toEqual({});
});

test("the cases have every leading serial byte, both forms of time, every profile, and names at their limits", () => {
  const all = <T>(of: (leaf: MintedLeaf) => T) => new Set(minted.map(of));
  expect(all(({ asked }) => asked.prefix).size).toBe(0x7f);
  expect(all(({ asked }) => asked.profile)).toEqual(new Set(["workload", "node", "server"]));
  expect(all(({ asked }) => asked.key).size).toBe(8);
  expect(all(({ asked }) => asked.random.findIndex((octet) => octet !== 0)).size).toBe(18);
  const forms = all(({ expected }) => [expected.notBefore < "2050", expected.notAfter < "2050"].join());
  expect(forms).toEqual(new Set(["true,true", "true,false", "false,false"]));
  expect(all(({ asked }) => asked.spiffeId.length)).toContain(2048);
  expect(all(({ expected }) => expected.notAfter.slice(5, 10))).toContain("02-29");
});
