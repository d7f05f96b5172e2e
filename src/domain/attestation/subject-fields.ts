import { sha256Hex } from "../../foundation/digest.ts";
import { isUtf8 } from "../certificate/any-value.ts";
import type { Certificate } from "../certificate/certificate.ts";
import type { Der } from "../certificate/der.ts";
import { type DerReader, readDer, requireDer } from "../certificate/der-reader.ts";
import { tag } from "../certificate/der-tag.ts";
import { readOid } from "../certificate/der-values.ts";
import { oid } from "../certificate/oid.ts";

type Attribute = { readonly type: string; readonly value: string };

const longestName = 16 * 1024;
const mostAttributes = 64;

/** What a template for a node's ID may take of its certificate. */
const fields: Readonly<Record<string, (certificate: Certificate) => readonly string[]>> = {
  publicKeySha256: ({ spki }) => [sha256Hex(spki)],
  certificateSha256: ({ der }) => [sha256Hex(der)],
  "subject.commonName": attribute(oid.commonName),
  "subject.serialNumber": attribute(oid.serialNumberAttribute),
  "subject.organization": attribute(oid.organizationName),
  "subject.organizationalUnit": attribute(oid.organizationalUnitName),
  "san.dns": ({ extensions }) => extensions.subjectAltName?.dnsNames ?? [],
};

export const certificateFieldFlaw = (field: string): string | undefined =>
  Object.hasOwn(fields, field)
    ? undefined
    : `{${field}} is no field of a certificate; there are ${Object.keys(fields).join(", ")}`;

/** The field's value where the certificate has exactly one: of two nobody says which one names the node. */
export function certificateField(certificate: Certificate, field: string): string | undefined {
  const values = Object.hasOwn(fields, field) ? (fields[field]?.(certificate) ?? []) : [];
  return values.length === 1 ? values[0] : undefined;
}

function attribute(type: string): (certificate: Certificate) => readonly string[] {
  return ({ subject }) => {
    const attributes = readSubject(subject);
    return attributes.ok ? attributes.value.flatMap((found) => (found.type === type ? found.value : [])) : [];
  };
}

/** The attributes of a Name (RFC 5280 §4.1.2.4) whose text is UTF-8 or ASCII; others keep their place with no value that fits an ID. */
export const readSubject = (subject: Der) =>
  readDer(subject, longestName, (reader) => {
    const found: Attribute[] = [];
    const names = reader.enter(tag.sequence, "the subject");
    while (!names.atEnd) {
      const part = names.enter(tag.set, "a part of the subject");
      while (!part.atEnd) {
        requireDer(found.length < mostAttributes, `the subject has more than ${mostAttributes} attributes`);
        found.push(readAttribute(part.enter(tag.sequence, "an attribute")));
      }
    }
    return found;
  });

function readAttribute(reader: DerReader): Attribute {
  const type = readOid(reader, "an attribute's type");
  const identifier = reader.nextTag ?? 0;
  const bytes = reader.contents(identifier, "an attribute's value");
  reader.end("an attribute");
  const isText = [tag.utf8String, tag.printableString, tag.ia5String].includes(identifier as never);
  return { type, value: isText && isUtf8(bytes) ? Buffer.from(bytes).toString("utf8") : "" };
}
