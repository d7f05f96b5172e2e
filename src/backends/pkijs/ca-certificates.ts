import { verify, X509Certificate } from "node:crypto";
import { Set as AsnSet, BitString, fromBER, Integer, ObjectIdentifier, Sequence, Utf8String } from "asn1js";
import {
  AlgorithmIdentifier,
  Certificate,
  CertificateRevocationList,
  PublicKeyInfo,
  RelativeDistinguishedNames,
  Time,
} from "pkijs";
import type { CaCertificate, Curve } from "../../control/ceremony/ca-template.ts";
import type { CaCertificates } from "../../control/ceremony/ports.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { encodeEcdsaSignature } from "../../domain/certificate/ecdsa-signature.ts";
import { Fault } from "../../foundation/fault.ts";
import { caExtensions, exactBuffer, subjectKeyIdIn } from "./ca-extensions.ts";

const commonName = "2.5.4.3";
const organizationName = "2.5.4.10";
/** ecdsa-with-SHA256, ecdsa-with-SHA384: the hash is as wide as the curve. RFC 5758 §3.2. */
const signatureOid: Readonly<Record<Curve, string>> = {
  "P-256": "1.2.840.10045.4.3.2",
  "P-384": "1.2.840.10045.4.3.3",
};

/** pkijs writes; node:crypto, which shares no code with it, reads back and verifies. */
export const pkijsCaCertificates: CaCertificates = {
  encodeName(name) {
    const attributes = [attribute(commonName, name.commonName)];
    if (name.organization !== undefined) attributes.unshift(attribute(organizationName, name.organization));
    return der(new Sequence({ value: attributes }).toBER());
  },

  buildTbs(template) {
    const certificate = new Certificate();
    certificate.version = 2; // v3
    certificate.serialNumber = new Integer({ valueHex: exactBuffer(template.serial) });
    certificate.signature = algorithm(template.signerCurve);
    certificate.issuer = nameFrom(template.issuerName);
    certificate.notBefore = timeOf(template.notBefore);
    certificate.notAfter = timeOf(template.notAfter);
    certificate.subject = nameFrom(template.subjectName);
    certificate.subjectPublicKeyInfo = PublicKeyInfo.fromBER(exactBuffer(template.spki));
    certificate.extensions = caExtensions(template);
    return der(certificate.encodeTBS().toBER());
  },

  assemble(tbs, signature, signerCurve) {
    const value = encodeEcdsaSignature(signature);
    if (!value.ok) throw new Fault("HSM_REFUSED", `the token gave no ECDSA signature: ${value.error}`);
    const parts = [
      fromBER(exactBuffer(tbs)).result, // spliced in: the very bytes that were signed
      algorithm(signerCurve).toSchema(),
      new BitString({ valueHex: exactBuffer(value.value) }),
    ];
    return der(new Sequence({ value: parts }).toBER());
  },

  read: readCa,
  flawIn,
  listFlaw,
};

function readCa(bytes: Der): CaCertificate {
  const written = parse(bytes);
  const { parsed, certificate } = written;
  const { asymmetricKeyDetails } = parsed.publicKey;
  const curve = curveNames[asymmetricKeyDetails?.namedCurve ?? ""];
  const subjectKeyId = subjectKeyIdIn(certificate.extensions);
  if (!curve || subjectKeyId === undefined) {
    throw new Fault(
      "INVALID_ARGUMENT",
      "a CA certificate here has a P-256 or P-384 key and a key identifier",
    );
  }
  return {
    serial: parsed.serialNumber.toLowerCase(),
    subjectName: der(certificate.subject.toSchema().toBER()),
    subject: commonNameIn(certificate),
    spki: der(exactBuffer(parsed.publicKey.export({ type: "spki", format: "der" }))),
    subjectKeyId,
    curve,
    notBefore: parsed.validFromDate,
    notAfter: parsed.validToDate,
  };
}

function flawIn(bytes: Der, issuerBytes: Der): string | undefined {
  const { parsed } = parse(bytes);
  const { parsed: issuer } = parse(issuerBytes);
  if (!issuer.ca) return "its issuer is no CA";
  if (!parsed.ca) return "it is no CA";
  if (!parsed.checkIssued(issuer)) return "its issuer name, key identifier or usage does not fit its issuer";
  return parsed.verify(issuer.publicKey) ? undefined : "its signature is not its issuer's";
}

/** pkijs reads the list that our own writer wrote, and OpenSSL verifies it. RFC 5280 §6.3.3. */
function listFlaw(bytes: Der, issuerBytes: Der): string | undefined {
  const { parsed: issuer, certificate } = parse(issuerBytes);
  const list = parseList(bytes);
  const sameName = list.issuer.isEqual(certificate.subject);
  if (!sameName) return "the list is of another issuer";
  const signature = { key: issuer.publicKey, dsaEncoding: "der" } as const;
  const hash = hashes[list.signatureAlgorithm.algorithmId];
  if (hash === undefined) return "the list is signed with an algorithm that no root of ours uses";
  const signed = verify(hash, list.tbsView, signature, list.signatureValue.valueBlock.valueHexView);
  return signed ? undefined : "the list's signature is not its issuer's";
}

const hashes: Readonly<Record<string, string>> = {
  [signatureOid["P-256"]]: "sha256",
  [signatureOid["P-384"]]: "sha384",
};

function parseList(bytes: Der): CertificateRevocationList {
  try {
    return CertificateRevocationList.fromBER(exactBuffer(bytes));
  } catch (cause) {
    throw new Fault("INVALID_ARGUMENT", "this is no revocation list", { cause });
  }
}

const curveNames: Readonly<Record<string, Curve>> = { prime256v1: "P-256", secp384r1: "P-384" };

function parse(bytes: Der): { readonly parsed: X509Certificate; readonly certificate: Certificate } {
  try {
    return { parsed: new X509Certificate(bytes), certificate: Certificate.fromBER(exactBuffer(bytes)) };
  } catch (cause) {
    throw new Fault("INVALID_ARGUMENT", "this is no X.509 certificate", { cause });
  }
}

const commonNameIn = ({ subject }: Certificate): string =>
  String(subject.typesAndValues.find(({ type }) => type === commonName)?.value.valueBlock.value ?? "");

/** One attribute in a set of its own: pkijs itself would put all of a name into one multi-valued RDN. */
const attribute = (type: string, value: string): AsnSet =>
  new AsnSet({
    value: [new Sequence({ value: [new ObjectIdentifier({ value: type }), new Utf8String({ value })] })],
  });

const algorithm = (curve: Curve): AlgorithmIdentifier =>
  new AlgorithmIdentifier({ algorithmId: signatureOid[curve] });

const nameFrom = (bytes: Der): RelativeDistinguishedNames =>
  RelativeDistinguishedNames.fromBER(exactBuffer(bytes));

/** UTCTime through 2049, GeneralizedTime from 2050. RFC 5280 §4.1.2.5. */
const timeOf = (value: Date): Time => new Time({ type: value.getUTCFullYear() < 2050 ? 0 : 1, value });

const der = (bytes: ArrayBuffer): Der => new Uint8Array(bytes) as Der;
