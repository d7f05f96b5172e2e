import type { Result } from "../../foundation/result.ts";
import type { Der } from "./der.ts";
import { DerFlaw, DerReader, readDer, requireDer } from "./der-reader.ts";
import { explicitTag, implicitTag, tag } from "./der-tag.ts";
import { readFlag, readInteger, readOctetAlignedBits, readOid, readTime } from "./der-values.ts";
import * as write from "./der-writer.ts";
import { fromHex, toHex } from "./hex.ts";
import { oid } from "./oid.ts";
import { type Curve, ecdsaOn, readSignatureAlgorithm } from "./signature-algorithm.ts";

export type RevokedCertificate = {
  /** Lower-case hexadecimal of the INTEGER's contents. */
  readonly serial: string;
  readonly revokedAt: Date;
};

/** What a certificate revocation list says. RFC 5280 §5.1.2. */
export type CertificateListContent = {
  /** The issuer's Name, byte for byte. */
  readonly issuer: Der;
  readonly thisUpdate: Date;
  /** A verifier that checks lists refuses everything of this issuer from then on. */
  readonly nextUpdate: Date;
  readonly revoked: readonly RevokedCertificate[];
  /** Rises with each list of an issuer: lower-case hexadecimal of the INTEGER's contents. RFC 5280 §5.2.3. */
  readonly number: string;
  /** Hexadecimal key identifier of the issuer. RFC 5280 §5.2.1. */
  readonly authorityKeyId: string;
};

/** A complete list of one issuer, as it was signed. */
export type CertificateList = CertificateListContent & {
  readonly der: Der;
  /** The bytes that the issuer signed. */
  readonly tbs: Der;
  /** The dotted identifier of the algorithm that the issuer is to have signed with. */
  readonly signatureAlgorithm: string;
  /** As it stands in the list: for ECDSA the DER of r and s (decodeEcdsaSignature). */
  readonly signature: Uint8Array;
};

const longestList = 256 * 1024;
/** Of a serial number and of a list's number, in bytes. RFC 5280 §4.1.2.2, §5.2.3. */
const longestNumber = 20;
/** cACompromise, as every entry of ours says: lists are for certificates of authorities. RFC 5280 §5.3.1. */
const caCompromise = 2;

/**
 * Reads one list of version 2 and at most 256 KiB. It is checked for form only: whoever relies on it verifies signature,
 * issuer and times. Lists that are not complete (deltas, parts: their extensions are critical) are refused.
 */
export function readCertificateList(bytes: Uint8Array): Result<CertificateList, string> {
  return readDer(bytes, longestList, (reader) => {
    const fields = reader.enter(tag.sequence, "the revocation list");
    const tbs = fields.whole(tag.sequence, "the TBSCertList");
    const signatureAlgorithm = readSignatureAlgorithm(fields);
    const signature = readOctetAlignedBits(fields, "the signature");
    fields.end("the revocation list");
    const content = readTbsList(new DerReader(tbs), signatureAlgorithm);
    return { ...content, der: bytes as Der, tbs, signatureAlgorithm, signature };
  });
}

/** Reads what an issuer is asked to sign. */
export function readTbsCertificateList(
  bytes: Uint8Array,
  curve: Curve,
): Result<CertificateListContent, string> {
  return readDer(bytes, longestList, (reader) => readTbsList(reader, ecdsaOn[curve].oid));
}

function readTbsList(reader: DerReader, algorithm: string): CertificateListContent {
  const fields = reader.enter(tag.sequence, "the TBSCertList");
  const version = readInteger(fields, "the version");
  requireDer(version.length === 1 && version[0] === 1, "the revocation list is not of version 2");
  const agrees = readSignatureAlgorithm(fields) === algorithm;
  requireDer(agrees, "the two signature algorithms differ (RFC 5280 §5.1.1.2)");
  const issuer = fields.whole(tag.sequence, "the issuer");
  const thisUpdate = readTime(fields, "thisUpdate");
  const nextUpdate = readTime(fields, "nextUpdate");
  const revoked = readRevoked(fields.enterIf(tag.sequence, "the revoked certificates"));
  const wrapped = fields.enter(explicitTag(0), "the list's extensions");
  fields.end("the TBSCertList");
  const extensions = readListExtensions(wrapped.enter(tag.sequence, "the list's extensions"));
  wrapped.end("the list's extensions");
  return { issuer, thisUpdate, nextUpdate, revoked, ...extensions };
}

function readRevoked(entries: DerReader | undefined): RevokedCertificate[] {
  if (entries === undefined) return [];
  requireDer(!entries.atEnd, "the revoked certificates are an empty list (RFC 5280 §5.1.2.6)");
  const revoked: RevokedCertificate[] = [];
  while (!entries.atEnd) {
    const entry = entries.enter(tag.sequence, "a revoked certificate");
    const serial = readNumber(entry, "its serial number");
    const revokedAt = readTime(entry, "its revocation date");
    const extensions = entry.enterIf(tag.sequence, "its extensions");
    if (extensions) eachExtension(extensions, () => undefined);
    entry.end("a revoked certificate");
    revoked.push({ serial, revokedAt });
  }
  return revoked;
}

function readListExtensions(extensions: DerReader): { number: string; authorityKeyId: string } {
  let number: string | undefined;
  let authorityKeyId: string | undefined;
  eachExtension(extensions, (id, contents) => {
    if (id === oid.crlNumber) number = readNumber(contents, "the list's number");
    if (id === oid.authorityKeyIdentifier) authorityKeyId = readKeyId(contents);
  });
  if (number === undefined) throw new DerFlaw("the list has no number (RFC 5280 §5.2.3)");
  if (authorityKeyId === undefined) {
    throw new DerFlaw("the list has no authority key identifier (RFC 5280 §5.2.1)");
  }
  return { number, authorityKeyId };
}

function readNumber(fields: DerReader, what: string): string {
  const number = readInteger(fields, what);
  const fits = number.length <= longestNumber && (number[0] ?? 0x80) < 0x80;
  requireDer(fits, `${what} is negative or over ${longestNumber} bytes`);
  return toHex(number);
}

function readKeyId(contents: DerReader): string {
  const fields = contents.enter(tag.sequence, "the authority key identifier");
  const keyId = toHex(fields.contents(implicitTag(0), "its key"));
  fields.end("the authority key identifier");
  return keyId;
}

/** A critical extension that says what a list leaves out would make "not revoked" of what is not listed. RFC 5280 §5.2. */
function eachExtension(extensions: DerReader, take: (id: string, contents: DerReader) => void): void {
  const seen: string[] = [];
  while (!extensions.atEnd) {
    const fields = extensions.enter(tag.sequence, "an extension");
    const id = readOid(fields, "an extension's identifier");
    const critical = readFlag(fields, `extension ${id}'s critical flag`);
    const contents = fields.enter(tag.octetString, `extension ${id}'s value`);
    fields.end(`extension ${id}`);
    if (critical) throw new DerFlaw(`extension ${id} is critical and unknown here`);
    if (seen.includes(id)) throw new DerFlaw(`extension ${id} is there twice`);
    seen.push(id);
    take(id, contents);
  }
}

/** The TBSCertList of a complete list of version 2, for an issuer whose key is on that curve. */
export function writeTbsCertificateList(content: CertificateListContent, curve: Curve): Der {
  const { revoked } = content;
  const keyId = write.value(implicitTag(0), bytesOf(content.authorityKeyId));
  return write.sequence(
    write.smallInteger(1),
    ecdsaOn[curve].identifier,
    content.issuer,
    write.time(content.thisUpdate),
    write.time(content.nextUpdate),
    ...(revoked.length === 0 ? [] : [write.sequence(...revoked.map(writeRevoked))]),
    write.explicit(
      0,
      write.sequence(
        extension(oid.authorityKeyIdentifier, write.sequence(keyId)),
        extension(oid.crlNumber, write.unsignedInteger(bytesOf(content.number))),
      ),
    ),
  );
}

function writeRevoked({ serial, revokedAt }: RevokedCertificate): Der {
  const reason = extension(oid.crlReason, write.value(tag.enumerated, Uint8Array.of(caCompromise)));
  return write.sequence(
    write.unsignedInteger(bytesOf(serial)),
    write.time(revokedAt),
    write.sequence(reason),
  );
}

const extension = (id: string, contents: Uint8Array): Der =>
  write.sequence(write.objectIdentifier(id), write.octetString(contents));

/** The list around what its issuer signed; `signature` is the DER of r and s. */
export const assembleCertificateList = (tbs: Der, signature: Uint8Array, curve: Curve): Der =>
  write.sequence(tbs, ecdsaOn[curve].identifier, write.bitString(signature));

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new DerFlaw(`"${hex}" is not hexadecimal`);
  return bytes;
}
