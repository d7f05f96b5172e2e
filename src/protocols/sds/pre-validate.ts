import { createPrivateKey, type KeyObject, verify, X509Certificate } from "node:crypto";
import { readCertificate } from "../../domain/certificate/certificate.ts";
import { type CertificateList, readCertificateList } from "../../domain/certificate/certificate-list.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import { ecdsaWith } from "../../domain/certificate/signature-algorithm.ts";
import type { Secret } from "../../domain/subscription/secret.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { sha256Hex } from "../../foundation/digest.ts";

/** Says why Envoy would refuse a secret, or undefined. What it accepts and we do not want is refused here too. */
export type Inspect = (secret: Secret) => string | undefined;

/** How certificates are read and verified; may remember what it read. */
export interface CertificateReader {
  /** Throws where the bytes are no certificate. */
  read(der: Uint8Array): X509Certificate;
  /** Whether the certificate names this issuer and its signature verifies under the issuer's key. */
  isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean;
}

const plainReader: CertificateReader = {
  read: (der) => new X509Certificate(der),
  isIssuedBy: (certificate, issuer) =>
    certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey),
};

const longestChain = 10;
const mostAnchors = 100;
const mostLists = 128;
const mostBytes = 256 * 1024;
/** What Envoy 1.40 takes in TLS contexts (context_impl.cc): these curves, and RSA from 2048 bits. */
const curves = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/**
 * Checks whatever Envoy checks when it builds a TLS context, because its own verdict is unreliable: a refusal may name
 * the wrong secret, and an acknowledgement may follow a refusal of the same bytes (docs/conformance.md, "SDS").
 */
export const preValidator =
  (reader: CertificateReader = plainReader): Inspect =>
  (secret) => {
    try {
      return secret.kind === "leaf" ? leafFlaw(secret.svid, reader) : bundlesFlaw(secret.bundles, reader);
    } catch (thrown) {
      return `it cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    }
  };

function leafFlaw(
  svid: Extract<Secret, { kind: "leaf" }>["svid"],
  reader: CertificateReader,
): string | undefined {
  if (svid.chain.length === 0) return "the chain is empty";
  if (svid.chain.length > longestChain) return `the chain is longer than ${longestChain} certificates`;
  if (sizeOf(svid.chain) > mostBytes) return `the chain is larger than ${mostBytes} bytes`;
  const [leaf, ...above] = svid.chain.map((der) => reader.read(der));
  if (leaf === undefined) return "the chain is empty";
  if (leaf.ca) return "the leaf is a CA certificate";
  if (!names(leaf).includes(`URI:${svid.spiffeId}`)) return "the leaf does not carry its SPIFFE ID";
  const key = createPrivateKey({ key: Buffer.from(svid.privateKey), format: "der", type: "pkcs8" });
  if (!leaf.checkPrivateKey(key)) return "the private key does not belong to the leaf";
  return keyFlaw(leaf.publicKey) ?? linkFlaw([leaf, ...above], reader);
}

function keyFlaw(key: KeyObject): string | undefined {
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const strong =
    key.asymmetricKeyType === "ec"
      ? curves.has(namedCurve)
      : key.asymmetricKeyType === "rsa" && modulusLength >= 2048;
  return strong ? undefined : "the leaf's key is of a kind that Envoy does not take";
}

/** Each certificate signed one that stands before it: an intermediate the leaf, a cross-certificate the intermediate. */
function linkFlaw(chain: readonly X509Certificate[], reader: CertificateReader): string | undefined {
  for (const [index, issuer] of chain.entries()) {
    if (index === 0) continue;
    if (!issuer.ca) return `certificate ${index + 1} of the chain is not a CA certificate`;
    const signed = chain.slice(0, index).some((below) => reader.isIssuedBy(below, issuer));
    if (!signed) return `certificate ${index + 1} of the chain signed none of those before it`;
  }
  return undefined;
}

function bundlesFlaw(bundles: readonly Bundle[], reader: CertificateReader): string | undefined {
  if (bundles.length === 0) return "it has no trust domain";
  const seen = new Set<string>();
  for (const bundle of bundles) {
    if (seen.has(bundle.trustDomain)) return `trust domain ${bundle.trustDomain} is in it twice`;
    seen.add(bundle.trustDomain);
    const flaw = bundleFlaw(bundle, reader);
    if (flaw !== undefined) return `trust domain ${bundle.trustDomain}: ${flaw}`;
  }
  return undefined;
}

/** Envoy's SPIFFE validator takes self-signed anchors only; with none of them it accepts the bundle and refuses every peer. */
function bundleFlaw(bundle: Bundle, reader: CertificateReader): string | undefined {
  if (bundle.anchors.length === 0) return "it has no anchor";
  if (bundle.anchors.length > mostAnchors) return `it has more than ${mostAnchors} anchors`;
  if (sizeOf(bundle.anchors) > mostBytes) return `it is larger than ${mostBytes} bytes`;
  for (const der of bundle.anchors) {
    const anchor = reader.read(der);
    if (!anchor.ca) return "an anchor is not a CA certificate";
    if (!reader.isIssuedBy(anchor, anchor)) return "an anchor is not self-signed";
  }
  return bundle.lists.length === 0 ? undefined : listsFlaw(bundle, reader);
}

/** With one revocation list in its context Envoy refuses whatever has an issuer without one. RFC 5280 §6.3.3. */
function listsFlaw({ anchors, lists }: Bundle, reader: CertificateReader): string | undefined {
  if (lists.length > mostLists) return `it has more than ${mostLists} revocation lists`;
  if (sizeOf(lists) > mostBytes) return `its revocation lists are larger than ${mostBytes} bytes`;
  const read = lists.map((list) => readCertificateList(list));
  const flaw = read.find((list) => !list.ok);
  if (flaw && !flaw.ok) return `a revocation list cannot be read: ${flaw.error}`;
  const whole = read.flatMap((list) => (list.ok ? list.value : []));
  if (new Set(whole.map(({ authorityKeyId }) => authorityKeyId)).size < whole.length)
    return "it has two revocation lists of one issuer";
  const lacking = anchors.find((der) => !whole.some((list) => isListOf(list, der, reader)));
  return lacking && `it has revocation lists, and none of the anchor ${sha256Hex(lacking)}`;
}

function isListOf(list: CertificateList, der: Der, reader: CertificateReader): boolean {
  const anchor = readCertificate(der);
  const hash = ecdsaWith(list.signatureAlgorithm)?.hash;
  if (!anchor.ok || hash === undefined || !sameBytes(anchor.value.subject, list.issuer)) return false;
  return verify(hash, list.tbs, reader.read(der).publicKey, list.signature);
}

const names = (certificate: X509Certificate): readonly string[] =>
  (certificate.subjectAltName ?? "").split(", ");

const sizeOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);
