import { type DerReader, requireDer } from "./der-reader.ts";
import { explicitTag, implicitTag, tag } from "./der-tag.ts";
import { readAscii, readFlag, readNamedBits, readOid, readSmallInteger } from "./der-values.ts";
import { toHex } from "./hex.ts";
import { type NameConstraints, readNameConstraints } from "./name-constraints.ts";
import { oid } from "./oid.ts";

type Extension = { readonly oid: string; readonly critical: boolean };

type BasicConstraints = { readonly ca: boolean; readonly pathLength?: number };

/** The names by their kind; what is none of these is only counted. RFC 5280 §4.2.1.6. */
export type SubjectAltName = {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly others: number;
};

/** What we understand of a certificate's extensions; all that are there, known or not, stand in `list`. */
export type Extensions = {
  list: Extension[];
  subjectKeyId?: string;
  authorityKeyId?: string;
  basicConstraints?: BasicConstraints;
  /** Bit numbers of RFC 5280 §4.2.1.3: see keyUsageBit. */
  keyUsage?: readonly number[];
  extendedKeyUsage?: readonly string[];
  subjectAltName?: SubjectAltName;
  nameConstraints?: NameConstraints;
};

/** RFC 5280 §4.2.1.3. */
export const keyUsageBit = { digitalSignature: 0, keyCertSign: 5, crlSign: 6 } as const;

const mostExtensions = 32;
const mostNames = 256;

/** Reads the contents of an Extensions SEQUENCE; an extension that is there twice is refused. RFC 5280 §4.2. */
export function readExtensions(reader: DerReader): Extensions {
  const found: Extensions = { list: [] };
  while (!reader.atEnd) {
    requireDer(found.list.length < mostExtensions, `there are more than ${mostExtensions} extensions`);
    const fields = reader.enter(tag.sequence, "an extension");
    const id = readOid(fields, "an extension's identifier");
    const critical = readFlag(fields, `extension ${id}'s critical flag`);
    const contents = fields.enter(tag.octetString, `extension ${id}'s value`);
    fields.end(`extension ${id}`);
    requireDer(
      !found.list.some((other) => other.oid === id),
      `extension ${id} is there twice (RFC 5280 §4.2)`,
    );
    found.list.push({ oid: id, critical });
    const decode = decoders[id];
    if (decode === undefined) continue;
    decode(contents, found);
    contents.end(`extension ${id}'s value`);
  }
  requireDer(found.list.length > 0, "the extensions are empty");
  return found;
}

const decoders: Readonly<Record<string, (value: DerReader, found: Extensions) => void>> = {
  [oid.subjectKeyIdentifier]: (value, found) => {
    found.subjectKeyId = toHex(value.contents(tag.octetString, "the subject key identifier"));
  },
  [oid.authorityKeyIdentifier]: (value, found) => {
    const fields = value.enter(tag.sequence, "the authority key identifier");
    if (fields.nextTag === implicitTag(0))
      found.authorityKeyId = toHex(fields.contents(implicitTag(0), "its key"));
    if (fields.nextTag === explicitTag(1)) fields.enter(explicitTag(1), "its issuer");
    if (fields.nextTag === implicitTag(2)) fields.contents(implicitTag(2), "its serial number");
    fields.end("the authority key identifier");
  },
  [oid.basicConstraints]: (value, found) => {
    const fields = value.enter(tag.sequence, "the basic constraints");
    const ca = readFlag(fields, "cA");
    const pathLength =
      fields.nextTag === tag.integer ? readSmallInteger(fields, "the path length") : undefined;
    fields.end("the basic constraints");
    found.basicConstraints = pathLength === undefined ? { ca } : { ca, pathLength };
  },
  [oid.keyUsage]: (value, found) => {
    found.keyUsage = readNamedBits(value, "the key usage");
  },
  [oid.extendedKeyUsage]: (value, found) => {
    const fields = value.enter(tag.sequence, "the extended key usage");
    const purposes: string[] = [];
    while (!fields.atEnd && purposes.length < mostNames)
      purposes.push(readOid(fields, "an extended key usage"));
    fields.end("the extended key usage");
    found.extendedKeyUsage = purposes;
  },
  [oid.subjectAltName]: (value, found) => {
    found.subjectAltName = readSubjectAltName(value.enter(tag.sequence, "the subject alternative name"));
  },
  [oid.nameConstraints]: (value, found) => {
    found.nameConstraints = readNameConstraints(value);
  },
};

function readSubjectAltName(names: DerReader): SubjectAltName {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  let others = 0;
  while (!names.atEnd) {
    requireDer(uris.length + dnsNames.length + others < mostNames, `there are more than ${mostNames} names`);
    const identifier = names.nextTag ?? 0;
    if (identifier === implicitTag(6)) uris.push(readAscii(names, identifier, "a URI name"));
    else if (identifier === implicitTag(2)) dnsNames.push(readAscii(names, identifier, "a DNS name"));
    else {
      names.contents(identifier, "a name");
      others += 1;
    }
  }
  return { uris, dnsNames, others };
}
