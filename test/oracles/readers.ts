import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";
import { part } from "../parts/parts.ts";
import type { Expected } from "./minted-leaf.ts";

/** What a reader of others found in a certificate; each tells what it can. */
export type Read = Partial<Expected>;

const hex = (bytes: ArrayBuffer | Uint8Array): string => Buffer.from(bytes as Uint8Array).toString("hex");
/** `AB:CD` or `abcd`, as an INTEGER's contents. */
const serialOf = (text: string): string => {
  const digits = text.replaceAll(/[:\s]/g, "").toLowerCase();
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even;
};
const namesOf = (list: string, kind: string): string[] =>
  list
    .split(", ")
    .filter((name) => name.startsWith(`${kind}:`))
    .map((name) => name.slice(kind.length + 1));

/** node:crypto, which is OpenSSL without its text. */
export function readByNode(der: Uint8Array): Read {
  const certificate = new X509Certificate(der);
  const names = certificate.subjectAltName ?? "";
  return {
    serial: serialOf(certificate.serialNumber),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    uris: namesOf(names, "URI"),
    dnsNames: namesOf(names, "DNS"),
    spki: hex(certificate.publicKey.export({ type: "spki", format: "der" })),
  };
}

export function readByPkijs(der: Uint8Array): Read {
  const certificate = pkijs.Certificate.fromBER(der);
  const parsed = (id: string) => certificate.extensions?.find(({ extnID }) => extnID === id)?.parsedValue;
  const names = (parsed("2.5.29.17") as pkijs.AltName).altNames;
  const ofType = (type: number) =>
    names.filter((name) => name.type === type).map(({ value }) => value as string);
  const authorityKey = (parsed("2.5.29.35") as pkijs.AuthorityKeyIdentifier).keyIdentifier;
  return {
    serial: hex(certificate.serialNumber.valueBlock.valueHexView),
    notBefore: certificate.notBefore.value.toISOString(),
    notAfter: certificate.notAfter.value.toISOString(),
    uris: ofType(6),
    dnsNames: ofType(2),
    subjectKeyId: hex((parsed("2.5.29.14") as asn1js.OctetString).valueBlock.valueHexView),
    authorityKeyId: hex(authorityKey?.valueBlock.valueHexView ?? new Uint8Array()),
    issuer: hex(certificate.issuer.valueBeforeDecode),
    spki: hex(certificate.subjectPublicKeyInfo.toSchema().toBER()),
  };
}

/** The contents of r and s, sign bytes included, as asn1js finds them behind the TBSCertificate. */
export function signatureIntegers(der: Uint8Array): readonly [string, string] {
  const certificate = pkijs.Certificate.fromBER(der);
  const { result } = asn1js.fromBER(certificate.signatureValue.valueBlock.valueHexView);
  const [r, s] = (result as asn1js.Sequence).valueBlock.value as asn1js.Integer[];
  return [
    hex(r?.valueBlock.valueHexView ?? new Uint8Array()),
    hex(s?.valueBlock.valueHexView ?? new Uint8Array()),
  ];
}

/** The openssl command, all certificates of a PEM file in one run. */
export function readByOpenssl(pemFile: string): Read[] {
  const text = execFileSync(part("openssl"), ["storeutl", "-noout", "-text", "-certs", pemFile], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  return text
    .split(/^\d+: Certificate$/m)
    .slice(1)
    .map(readOpensslText);
}

function readOpensslText(text: string): Read {
  const after = (label: string) => new RegExp(`${label}\\s*\\n?\\s*([^\\n]+)`).exec(text)?.[1]?.trim() ?? "";
  const date = (label: string) => new Date(after(`${label} *:`)).toISOString();
  const names = after("X509v3 Subject Alternative Name: critical");
  const bareHex = (found: string) => found.replaceAll(":", "").toLowerCase();
  return {
    serial: serialOf(after("Serial Number:")),
    notBefore: date("Not Before"),
    notAfter: date("Not After"),
    uris: namesOf(names, "URI"),
    dnsNames: namesOf(names, "DNS"),
    subjectKeyId: bareHex(after("X509v3 Subject Key Identifier:")),
    authorityKeyId: bareHex(after("X509v3 Authority Key Identifier:").replace("keyid:", "")),
  };
}

/** Go's crypto/x509; it also verifies each signature with the key of `issuerFile`. */
export function readByGo(pemFile: string, issuerFile: string): (Read & { signed: boolean })[] {
  return leafRead("--certificates", pemFile, "--issuer", issuerFile) as (Read & { signed: boolean })[];
}

/** The serial numbers of a revocation list, as the contents of their INTEGERs. */
export function readListByGo(pemFile: string, issuerFile: string): unknown {
  return leafRead("--crl", pemFile, "--issuer", issuerFile)[0];
}

function leafRead(...argv: readonly string[]): unknown[] {
  const program = join(part("go clients"), "leaf-read");
  const run = spawnSync(program, argv, { encoding: "utf8", maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`leaf-read: ${run.stderr}`);
  return run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
