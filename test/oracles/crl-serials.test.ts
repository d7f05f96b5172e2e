/**
 * Serial numbers in a revocation list as our DER writer encodes them, against the same numbers in certificates. Elsewhere a
 * number from 0x80 on was written as a negative one, and the revoked certificate was never found again.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { encodeCertificates, encodePem } from "../../src/domain/certificate/pem.ts";
import { revocationList } from "../fakes/revocation-list.ts";
import { type SoftwareAuthority, softwareAuthority } from "../fakes/software-authority.ts";
import { needs, part } from "../parts/parts.ts";
import { authorityLife, everyPrefix } from "./leaf-cases.ts";
import { mintAll } from "./minted-leaf.ts";
import { readListByGo } from "./readers.ts";

const folder = mkdtempSync(join(tmpdir(), "meshmint-crl-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** A version 2 list of these serial numbers, given as magnitudes. RFC 5280 §5.1. */
const listOf = ({ authority, privateKey }: SoftwareAuthority, serials: readonly Uint8Array[]): string => {
  const { notBefore: thisUpdate, notAfter: nextUpdate } = authorityLife;
  const texts = serials.map((serial) => Buffer.from(serial).toString("hex"));
  const wanted = { serials: texts, thisUpdate, nextUpdate };
  return encodePem("X509 CRL", revocationList(authority.certificate, privateKey, wanted));
};

/** Contents of the INTEGER that a magnitude has to become. */
const integerOf = (magnitude: Uint8Array): string => {
  const digits = Buffer.from(magnitude)
    .toString("hex")
    .replace(/^(?:00)+(?=..)/, "");
  return Number.parseInt(digits.slice(0, 2), 16) >= 0x80 ? `00${digits}` : digits;
};

/** Every first byte, before bytes that are all clear and all set, and behind zero bytes that must go. */
const magnitudes = Array.from({ length: 255 }, (_, at) =>
  [0x00, 0xff].map((rest) => {
    const bytes = new Uint8Array(19).fill(rest);
    bytes.set([0, at + 1]);
    return bytes;
  }),
).flat();

needs("openssl", "go clients")("OpenSSL and Go read every serial number of a list as it was written", () => {
  const software = softwareAuthority(authorityLife);
  const list = file("list.pem", listOf(software, magnitudes));
  const wanted = magnitudes.map(integerOf);
  const issuer = file("issuer.pem", encodeCertificates([software.authority.certificate]));
  expect(readListByGo(list, issuer)).toEqual({ serials: wanted, signed: true });
  const text = execFileSync(part("openssl"), ["crl", "-in", list, "-noout", "-text"], { encoding: "utf8" });
  const read = [...text.matchAll(/Serial Number: (-?[0-9A-F]+)/g)].map(([, digits = ""]) =>
    digits.toLowerCase(),
  );
  expect(read.map((digits) => integerOf(Buffer.from(digits, "hex")))).toEqual(wanted);
});

needs("openssl")(
  "a leaf of every leading serial byte is found in a list that has it, and not in one that lacks it",
  async () => {
    const minted = await mintAll(everyPrefix());
    const [first] = minted;
    const software = first?.software;
    if (software === undefined) throw new Error("nothing was minted");
    const serials = minted.map(({ certificate }) =>
      Buffer.from(new X509Certificate(certificate).serialNumber, "hex"),
    );
    const leaves = minted.map(({ certificate }, at) => file(`${at}.pem`, encodeCertificates([certificate])));
    const trusted = file("trusted.pem", encodeCertificates([software.authority.certificate]));
    const revoked = (list: string): number => {
      const argv = [
        "verify",
        "-partial_chain",
        "-no_check_time",
        "-crl_check",
        "-CRLfile",
        list,
        "-trusted",
        trusted,
      ];
      const { stdout, stderr } = spawnSync(part("openssl"), [...argv, ...leaves], { encoding: "utf8" });
      return `${stdout}${stderr}`.split("certificate revoked").length - 1;
    };
    expect(revoked(file("all.pem", listOf(software, serials)))).toBe(minted.length);
    const odd = serials.filter((_, at) => at % 2 === 1);
    expect(revoked(file("odd.pem", listOf(software, odd)))).toBe(odd.length);
  },
);
