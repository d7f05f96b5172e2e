import type { Der } from "./der.ts";
import { DerReader } from "./der-reader.ts";
import { explicitTag, tag } from "./der-tag.ts";
import { readTimeDigits } from "./der-values.ts";
import { toHex } from "./hex.ts";
import type { TbsCertificate } from "./tbs-certificate.ts";

/** Bytes from one place up to another. */
type Span = { readonly from: number; readonly to: number };

/** Where the fields lie in which two leaves of one form may differ. */
type Places = {
  readonly serial: Span;
  readonly notBefore: Span;
  readonly notAfter: Span;
  readonly spki: Span;
  /** The two coordinates at the end of the key. */
  readonly point: Span;
  /** The subject key identifier's 20 bytes; undefined where the leaf has none. */
  readonly keyIdentifier: Span | undefined;
};

/** A key's coordinates, by the length of its SubjectPublicKeyInfo: P-256 and P-384 (RFC 5480 §2). */
const pointBytes: Readonly<Record<number, number>> = { 91: 64, 120: 96 };
const keyIdentifierBytes = 20;

/**
 * A TBSCertificate that was read once, as the form of others: what has the same bytes but for serial number, dates, point of
 * the key and subject key identifier reads the same but for these. So the second leaf of an identity costs one comparison
 * of bytes instead of a whole parse, and whatever was judged by the other bytes need not be judged again.
 */
export class LeafForm<Read extends TbsCertificate> {
  /** What the reader made of the bytes that the form was taken from. */
  readonly first: Read;
  readonly #bytes: Uint8Array;
  readonly #places: Places;
  readonly #fixed: readonly Span[];

  private constructor(first: Read, bytes: Uint8Array, places: Places) {
    this.first = first;
    this.#bytes = bytes;
    this.#places = places;
    this.#fixed = between(places, bytes.length);
  }

  /** The form of bytes that a reader has accepted as `first`; undefined for keys that are not elliptic, and other oddities. */
  static of<Read extends TbsCertificate>(bytes: Uint8Array, first: Read): LeafForm<Read> | undefined {
    const places = placesIn(bytes, first);
    if (places === undefined) return undefined;
    // A Buffer's slice() would be a view, and forms live long: each would keep the whole message that its leaf came in.
    const own = Uint8Array.from(bytes);
    const inOwn = (view: Der): Der => {
      const from = view.byteOffset - bytes.byteOffset;
      return own.subarray(from, from + view.length) as Der;
    };
    const { issuer, subject, spki } = first;
    const views = { issuer: inOwn(issuer), subject: inOwn(subject), spki: inOwn(spki) };
    return new LeafForm({ ...first, ...views }, own, places);
  }

  /** What the reader would make of these bytes; undefined where only the reader itself can say it. */
  read(bytes: Uint8Array): Read | undefined {
    if (bytes.length !== this.#bytes.length || !this.#fits(bytes)) return undefined;
    const { serial, notBefore, notAfter, spki, keyIdentifier } = this.#places;
    const firstOctet = bytes[serial.from] ?? 0;
    const from = readTimeDigits(bytes, notBefore.from, notBefore.to);
    const until = readTimeDigits(bytes, notAfter.from, notAfter.to);
    if (firstOctet < 1 || firstOctet > 0x7f || from === undefined || until === undefined) return undefined;
    const { extensions } = this.first;
    const subjectKeyId = keyIdentifier && toHex(bytes.subarray(keyIdentifier.from, keyIdentifier.to));
    return {
      ...this.first,
      serial: toHex(bytes.subarray(serial.from, serial.to)),
      notBefore: new Date(from),
      notAfter: new Date(until),
      spki: bytes.subarray(spki.from, spki.to) as Der,
      extensions: subjectKeyId === undefined ? extensions : { ...extensions, subjectKeyId },
    };
  }

  #fits(bytes: Uint8Array): boolean {
    const mine = this.#bytes;
    for (const { from, to } of this.#fixed) {
      for (let at = from; at < to; at += 1) if (bytes[at] !== mine[at]) return false;
    }
    return true;
  }
}

/** All that lies between the places, which follow one another in this order. */
function between(
  { serial, notBefore, notAfter, point, keyIdentifier }: Places,
  length: number,
): readonly Span[] {
  const varying = [serial, notBefore, notAfter, point, ...(keyIdentifier ? [keyIdentifier] : [])];
  const ends = [0, ...varying.map(({ to }) => to)];
  return ends.map((from, at) => ({ from, to: varying[at]?.from ?? length }));
}

function placesIn(bytes: Uint8Array, { spki, extensions }: TbsCertificate): Places | undefined {
  const pointLength = pointBytes[spki.length];
  if (pointLength === undefined) return undefined;
  const spanOf = (view: Uint8Array, last = view.length): Span => {
    const to = view.byteOffset - bytes.byteOffset + view.length;
    return { from: to - last, to };
  };
  const keyAt = spanOf(spki);
  const keyIdentifier = findKeyIdentifier(bytes, keyAt.to, extensions.subjectKeyId);
  if (keyIdentifier === undefined && extensions.subjectKeyId !== undefined) return undefined;
  const fields = new DerReader(bytes).enter(tag.sequence, "the TBSCertificate");
  fields.contents(explicitTag(0), "the version");
  const serial = fields.contents(tag.integer, "the serial number");
  fields.contents(tag.sequence, "the signature algorithm");
  fields.contents(tag.sequence, "the issuer");
  const validity = fields.enter(tag.sequence, "the validity");
  const notBefore = validity.contents(validity.nextTag ?? 0, "notBefore");
  const notAfter = validity.contents(validity.nextTag ?? 0, "notAfter");
  return {
    serial: spanOf(serial),
    notBefore: spanOf(notBefore),
    notAfter: spanOf(notAfter),
    spki: keyAt,
    point: spanOf(spki, pointLength),
    keyIdentifier,
  };
}

/** Its one place behind the key; undefined where these bytes stand nowhere or twice. */
function findKeyIdentifier(bytes: Uint8Array, from: number, keyId: string | undefined): Span | undefined {
  const wanted = Buffer.from(keyId ?? "", "hex");
  if (wanted.length !== keyIdentifierBytes) return undefined;
  const behind = Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.length - from);
  const at = behind.indexOf(wanted);
  if (at < 0 || behind.lastIndexOf(wanted) !== at) return undefined;
  return { from: from + at, to: from + at + keyIdentifierBytes };
}
