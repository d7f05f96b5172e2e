import type { Der } from "./der.ts";
import { type DerReader, requireDer } from "./der-reader.ts";
import { explicitTag, implicitTag, tag } from "./der-tag.ts";
import { readInteger, readTime } from "./der-values.ts";
import { type Extensions, readExtensions } from "./extensions.ts";
import { toHex } from "./hex.ts";
import { readSignatureAlgorithm } from "./signature-algorithm.ts";

/** The fields of a version 3 TBSCertificate. RFC 5280 §4.1.2. */
export type TbsCertificate = {
  /** Lower-case hexadecimal of the INTEGER's contents, sign byte included. */
  readonly serial: string;
  /** The dotted identifier of the algorithm that the issuer is to sign with. */
  readonly signatureAlgorithm: string;
  /** The issuer's Name, byte for byte: an issuer is found by these bytes alone. */
  readonly issuer: Der;
  readonly notBefore: Date;
  /** Inclusive: the last second in which the certificate is valid. RFC 5280 §4.1.2.5. */
  readonly notAfter: Date;
  readonly subject: Der;
  readonly spki: Der;
  readonly extensions: Extensions;
};

/** Reads a TBSCertificate of version 3; certificates without extensions, or of versions 1 and 2, are refused. */
export function readTbs(reader: DerReader): TbsCertificate {
  const fields = reader.enter(tag.sequence, "the TBSCertificate");
  const wrappedVersion = fields.enter(explicitTag(0), "the version");
  const version = readInteger(wrappedVersion, "the version");
  wrappedVersion.end("the version");
  requireDer(version.length === 1 && version[0] === 2, "the certificate is not of version 3");
  const serial = readInteger(fields, "the serial number");
  requireDer(
    serial.length <= 20 && (serial[0] ?? 0x80) < 0x80,
    "the serial number is negative or over 20 bytes",
  );
  const signatureAlgorithm = readSignatureAlgorithm(fields);
  const issuer = fields.whole(tag.sequence, "the issuer");
  const validity = fields.enter(tag.sequence, "the validity");
  const notBefore = readTime(validity, "notBefore");
  const notAfter = readTime(validity, "notAfter");
  validity.end("the validity");
  const subject = fields.whole(tag.sequence, "the subject");
  const spki = fields.whole(tag.sequence, "the public key");
  // Unique identifiers must not be used (RFC 5280 §4.1.2.8), and the reader below refuses them by their tag.
  requireDer(
    fields.nextTag !== implicitTag(1) && fields.nextTag !== implicitTag(2),
    "a unique identifier is there",
  );
  const wrapped = fields.enter(explicitTag(3), "the extensions");
  fields.end("the TBSCertificate");
  const extensions = readExtensions(wrapped.enter(tag.sequence, "the extensions"));
  wrapped.end("the extensions");
  return {
    serial: toHex(serial),
    signatureAlgorithm,
    issuer,
    notBefore,
    notAfter,
    subject,
    spki,
    extensions,
  };
}
