import { DerFlaw, type DerReader, requireDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";

/** INTEGER contents: at least one byte, no redundant sign byte. X.690 §8.3.2. */
export function readInteger(reader: DerReader, what: string): Uint8Array {
  const contents = reader.contents(tag.integer, what);
  const [first, second] = contents;
  requireDer(first !== undefined, `${what} is an INTEGER without contents`);
  const redundant =
    second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  requireDer(!redundant, `${what} is an INTEGER with a redundant first byte`);
  return contents;
}

/** A non-negative INTEGER below 2^31. */
export function readSmallInteger(reader: DerReader, what: string): number {
  const contents = readInteger(reader, what);
  requireDer(contents.length <= 4 && (contents[0] ?? 0) < 0x80, `${what} is negative or too large`);
  return contents.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** A positive INTEGER as big-endian bytes without its sign byte, at most `longest` of them. */
export function readPositiveInteger(reader: DerReader, longest: number, what: string): Uint8Array {
  const contents = readInteger(reader, what);
  const negative = (contents[0] ?? 0) >= 0x80;
  const magnitude = contents[0] === 0 ? contents.subarray(1) : contents;
  requireDer(!negative && magnitude.length > 0, `${what} is not positive`);
  requireDer(magnitude.length <= longest, `${what} is longer than ${longest} bytes`);
  return magnitude;
}

/** X.690 §11.1: one byte, 00 or FF. */
function readBoolean(reader: DerReader, what: string): boolean {
  const contents = reader.contents(tag.boolean, what);
  requireDer(
    contents.length === 1 && (contents[0] === 0 || contents[0] === 0xff),
    `${what} is not a DER BOOLEAN`,
  );
  return contents[0] === 0xff;
}

/** A BOOLEAN DEFAULT FALSE: DER leaves FALSE out, so what is there must be TRUE. X.690 §11.5. */
export function readFlag(reader: DerReader, what: string): boolean {
  if (reader.nextTag !== tag.boolean) return false;
  requireDer(readBoolean(reader, what), `${what} is an encoded default`);
  return true;
}

/** OBJECT IDENTIFIER as dotted text: shortest arcs, each below 2^53. X.690 §8.19. */
export function readOid(reader: DerReader, what: string): string {
  const contents = reader.contents(tag.oid, what);
  const flaw = oidFlaw(contents);
  if (flaw !== undefined) throw new DerFlaw(`${what} is an OBJECT IDENTIFIER that ${flaw}`);
  let text = "";
  let arc = 0;
  for (const octet of contents) {
    arc = arc * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    text += text === "" ? firstArcs(arc) : `.${arc}`;
    arc = 0;
  }
  return text;
}

function oidFlaw(contents: Uint8Array): string | undefined {
  if (contents.length === 0 || contents.length > 64) return "is empty or oversized";
  if ((contents[contents.length - 1] ?? 0) >= 0x80) return "is cut short";
  let septets = 0;
  for (const octet of contents) {
    if (septets === 0 && octet === 0x80) return "has an arc that is not the shortest";
    septets = octet >= 0x80 ? septets + 1 : 0;
    if (septets > 6) return "has an arc that is too large"; // 7 × 7 bits = 49 stay exact in a number
  }
  return undefined;
}

function firstArcs(both: number): string {
  const first = Math.min(Math.floor(both / 40), 2);
  return `${first}.${both - first * 40}`;
}

/** A BIT STRING of whole bytes, such as a key or a signature. */
export function readOctetAlignedBits(reader: DerReader, what: string): Uint8Array {
  const contents = reader.contents(tag.bitString, what);
  requireDer(contents[0] === 0, `${what} is not a BIT STRING of whole bytes`);
  return contents.subarray(1);
}

/** The numbers of the bits that are set; unused bits are zero and no trailing zero bit is there. X.690 §11.2. */
export function readNamedBits(reader: DerReader, what: string): readonly number[] {
  const contents = reader.contents(tag.bitString, what);
  const [unused, ...octets] = contents.subarray(0, 5);
  const last = octets.at(-1);
  requireDer(
    unused !== undefined && unused < 8 && contents.length <= 5,
    `${what} is not a BIT STRING of named bits`,
  );
  const shortest = last === undefined ? unused === 0 : (last >> unused) % 2 === 1 && last % 2 ** unused === 0;
  requireDer(shortest, `${what} has trailing zero bits or padding that is set`);
  const bits: number[] = [];
  octets.forEach((octet, index) => {
    for (let bit = 0; bit < 8; bit += 1) if (octet & (0x80 >> bit)) bits.push(index * 8 + bit);
  });
  return bits;
}

const timeForms = [
  { identifier: tag.utcTime, form: /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ },
  { identifier: tag.generalizedTime, form: /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ },
] as const;

/** UTCTime up to 2049, GeneralizedTime from 2050 on; whole seconds, `Z`. RFC 5280 §4.1.2.5. */
export function readTime(reader: DerReader, what: string): Date {
  const [utc, generalized] = timeForms;
  const { identifier, form } = reader.nextTag === utc.identifier ? utc : generalized;
  const text = Buffer.from(reader.contents(identifier, what)).toString("latin1");
  const fields = form.exec(text)?.slice(1).map(Number);
  requireDer(fields !== undefined, `${what} is not a time in the form of RFC 5280 §4.1.2.5`);
  const [shortYear = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const century = identifier === tag.generalizedTime ? 0 : shortYear < 50 ? 2000 : 1900;
  const at = new Date(Date.UTC(century + shortYear, month - 1, day, hour, minute, second));
  const digits = at.toISOString().replaceAll(/[-:T]|\.\d{3}/g, "");
  requireDer(digits.endsWith(text), `${what} names a moment that does not exist`);
  const rightForm =
    (identifier === tag.utcTime) === (at.getUTCFullYear() >= 1950 && at.getUTCFullYear() < 2050);
  requireDer(rightForm, `${what} is in the form for another half-century (RFC 5280 §4.1.2.5)`);
  return at;
}

/**
 * The same moment from the digits alone, in milliseconds, without an object on the way: thirteen characters are a UTCTime's,
 * fifteen a GeneralizedTime's. Undefined for whatever readTime refuses, and for years before 1000.
 */
export function readTimeDigits(bytes: Uint8Array, from: number, to: number): number | undefined {
  const yearDigits = to - from - 11;
  if ((yearDigits !== 2 && yearDigits !== 4) || bytes[to - 1] !== 0x5a) return undefined;
  const written = number(bytes, from, yearDigits);
  const year = yearDigits === 4 ? written : written + (written < 50 ? 2000 : 1900);
  const inUtcTime = year >= 1950 && year < 2050;
  if (inUtcTime !== (yearDigits === 2) || !(year >= 1000)) return undefined;
  const at = from + yearDigits;
  const [month, day] = [number(bytes, at, 2), number(bytes, at + 2, 2)];
  const [hour, minute, second] = [
    number(bytes, at + 4, 2),
    number(bytes, at + 6, 2),
    number(bytes, at + 8, 2),
  ];
  const isClock = hour < 24 && minute < 60 && second < 60;
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  return isClock && isDay ? Date.UTC(year, month - 1, day, hour, minute, second) : undefined;
}

/** Decimal digits as a number; NaN where one of them is none. */
function number(bytes: Uint8Array, from: number, digits: number): number {
  let sum = 0;
  for (let at = from; at < from + digits; at += 1) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    sum = sum * 10 + digit;
  }
  return sum;
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
const daysIn = (year: number, month: number): number =>
  (monthDays[month - 1] ?? 0) + (month === 2 && isLeap(year) ? 1 : 0);

/** Seven-bit text, as IA5String or in an IMPLICIT tag over it; no control characters. */
export function readAscii(reader: DerReader, identifier: number, what: string): string {
  const contents = reader.contents(identifier, what);
  for (const octet of contents) {
    if (octet < 0x20 || octet >= 0x7f) throw new DerFlaw(`${what} holds a byte that is not printable ASCII`);
  }
  return Buffer.from(contents.buffer, contents.byteOffset, contents.length).toString("latin1");
}
