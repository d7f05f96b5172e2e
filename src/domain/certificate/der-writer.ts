import type { Der } from "./der.ts";
import { explicitTag, tag } from "./der-tag.ts";

/** Bytes of a length field in DER's definite, shortest form. X.690 §10.1. */
function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

/** How many bytes the length field of so many contents has. */
export const lengthBytes = (length: number): number => lengthOctets(length).length;

/** Writes identifier and length into bytes that have room for the whole value, and gives the place of its contents. */
export function writeHeader(
  bytes: Uint8Array,
  at: number,
  header: { readonly identifier: number; readonly length: number },
): number {
  const octets = lengthOctets(header.length);
  bytes[at] = header.identifier;
  bytes.set(octets, at + 1);
  return at + 1 + octets.length;
}

/** One value: identifier, length, and the parts side by side as its contents. X.690 §8.1. */
export function value(identifier: number, ...parts: readonly Uint8Array[]): Der {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header = [identifier, ...lengthOctets(length)];
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header);
  let at = header.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes as Der;
}

export const sequence = (...parts: readonly Uint8Array[]): Der => value(tag.sequence, ...parts);

/** SET OF: DER sorts the encoded elements as byte strings. X.690 §11.6. */
export const setOf = (...parts: readonly Uint8Array[]): Der =>
  value(tag.set, ...[...parts].sort((left, right) => Buffer.compare(left, right)));

/** `[number] EXPLICIT`, or an IMPLICIT tag over a SEQUENCE when the parts are that sequence's elements. */
export const explicit = (number: number, ...parts: readonly Uint8Array[]): Der =>
  value(explicitTag(number), ...parts);

/** A non-negative INTEGER from big-endian bytes of any length: redundant zeros go, a sign byte comes. X.690 §8.3. */
export function unsignedInteger(magnitude: Uint8Array): Der {
  let from = 0;
  while (from < magnitude.length - 1 && magnitude[from] === 0) from += 1;
  const trimmed = magnitude.subarray(from);
  const first = trimmed[0];
  if (first === undefined) return value(tag.integer, Uint8Array.of(0));
  return first >= 0x80 ? value(tag.integer, Uint8Array.of(0), trimmed) : value(tag.integer, trimmed);
}

/** A small non-negative INTEGER, 0 to 2^31 − 1. */
export function smallInteger(number: number): Der {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return unsignedInteger(bytes);
}

/** X.690 §11.1: TRUE is FF. FALSE is written only where no DEFAULT FALSE leaves it out. */
export const boolean = (flag: boolean): Der => value(tag.boolean, Uint8Array.of(flag ? 0xff : 0));

export const nullValue = (): Der => value(tag.null);

export const octetString = (...parts: readonly Uint8Array[]): Der => value(tag.octetString, ...parts);

/** A BIT STRING of whole bytes. */
export const bitString = (bytes: Uint8Array): Der => value(tag.bitString, Uint8Array.of(0), bytes);

/**
 * A BIT STRING of named bits, bit 0 first; trailing zero bits are left out. X.690 §11.2.2.
 * Bits 0 to 31; at least one.
 */
export function namedBits(...bits: readonly number[]): Der {
  const last = Math.max(...bits);
  const contents = new Uint8Array(2 + (last >> 3));
  contents[0] = 7 - (last & 7);
  for (const bit of bits) contents[1 + (bit >> 3)] = (contents[1 + (bit >> 3)] ?? 0) | (0x80 >> (bit & 7));
  return value(tag.bitString, contents);
}

/** An OBJECT IDENTIFIER from dotted text. X.690 §8.19. The text comes from our own table (oid.ts). */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const contents: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const septets = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      septets.unshift((left % 128) | 0x80);
    }
    contents.push(...septets);
  }
  return value(tag.oid, Uint8Array.from(contents));
}

export const utf8String = (text: string): Der => value(tag.utf8String, Buffer.from(text, "utf8"));

/** Context-tagged or plain IA5String contents; the caller has checked that the text is ASCII. */
export const ascii = (identifier: number, text: string): Der =>
  value(identifier, Buffer.from(text, "latin1"));

/** Years 1950 to 2049 as UTCTime, all others as GeneralizedTime; whole seconds, in UTC. RFC 5280 §4.1.2.5. */
export function time(at: Date): Der {
  const digits = at.toISOString().replaceAll(/[-:T]|\.\d{3}/g, "");
  const year = at.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? ascii(tag.utcTime, digits.slice(2))
    : ascii(tag.generalizedTime, digits);
}
