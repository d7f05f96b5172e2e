import fc from "fast-check";
import { expect, test } from "vitest";
import { readCertificate } from "./certificate.ts";
import { readDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";
import { readInteger, readNamedBits, readOid, readTime } from "./der-values.ts";
import { namedBits, objectIdentifier, time, unsignedInteger, value } from "./der-writer.ts";
import { fromHex, toHex } from "./hex.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", "")) as Uint8Array;
const contents = (identifier: number) => (bytes: Uint8Array) =>
  readDer(bytes, 1 << 20, (reader) => reader.contents(identifier, "it"));

test.each([
  ["nothing at all", ""],
  ["a header of one byte", "04"],
  ["an indefinite length", "0480 0000"],
  ["a long form where the short one fits", "048101 00"],
  ["a length with a leading zero", `04820080${"00".repeat(128)}`],
  ["a length of five octets", "048500000000 01 00"],
  ["a length past the end", "0402 00"],
  ["bytes behind the value", "0401 00 00"],
  ["another tag", "0501 00"],
])("%s is refused", (_, text) => {
  expect(contents(tag.octetString)(hex(text)).ok).toBe(false);
});

test("an identifier of several bytes is refused even where it is asked for", () => {
  expect(contents(0x9f)(hex("9f01 00")).ok).toBe(false);
});

test("a value longer than the limit is refused before it is read", () => {
  expect(readDer(hex("0401 00"), 2, (reader) => reader.contents(4, "it")).ok).toBe(false);
});

test.each(["0200", "02020001", "0202ff80", "0202007f"])("INTEGER %s is not the shortest", (text) => {
  expect(readDer(hex(text), 99, (reader) => readInteger(reader, "it")).ok).toBe(false);
});

test.each(["0303020600", "03020101", "030108", "0300", "03020700"])("named bits %s are not DER", (text) => {
  expect(readDer(hex(text), 99, (reader) => readNamedBits(reader, "it")).ok).toBe(false);
});

test.each(["0600", "060180", "06022a80", "0603 2a8001", "060b2affffffffffffffffff7f"])(
  "OBJECT IDENTIFIER %s is refused",
  (text) => {
    expect(readDer(hex(text), 99, (reader) => readOid(reader, "it")).ok).toBe(false);
  },
);

test.each([
  [tag.utcTime, "261301000000Z"],
  [tag.utcTime, "260229000000Z"],
  [tag.utcTime, "2601010000Z"],
  [tag.utcTime, "260101000000+0000"],
  [tag.generalizedTime, "20260101000000Z"],
  [tag.generalizedTime, "20500101000000.5Z"],
  [tag.generalizedTime, "00500101000000Z"],
])("time %i %s is refused", (identifier, text) => {
  const der = value(identifier, Buffer.from(text));
  expect(readDer(der, 99, (reader) => readTime(reader, "it")).ok).toBe(false);
});

test("contents of any length are read back", () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(300), fc.constantFrom(65_535, 65_536)), (length) => {
      const read = contents(tag.octetString)(value(tag.octetString, new Uint8Array(length)));
      expect(read.ok && read.value.length).toBe(length);
    }),
  );
});

test("every second of the years 1950 to 9999 is read back", () => {
  const [first, last] = [Date.UTC(1950, 0), Date.UTC(9999, 11, 31)];
  const edges = [
    first,
    Date.UTC(1999, 11, 31, 23, 59, 59),
    Date.UTC(2049, 11, 31, 23, 59, 59),
    Date.UTC(2050, 0),
  ];
  const moment = fc.oneof(
    fc.constantFrom(...edges),
    fc.integer({ min: first / 1000, max: last / 1000 }).map((s) => s * 1000),
  );
  fc.assert(
    fc.property(moment, (ms) => {
      expect(readDer(time(new Date(ms)), 99, (reader) => readTime(reader, "it"))).toEqual({
        ok: true,
        value: new Date(ms),
      });
    }),
  );
});

test("INTEGERs, OBJECT IDENTIFIERs and named bits are read back", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 200n) - 1n }), (number) => {
      const text = number.toString(16);
      const der = unsignedInteger(hex(text.padStart(text.length + (text.length % 2), "0")));
      const read = readDer(der, 99, (reader) => readInteger(reader, "it"));
      expect(read.ok && BigInt(`0x${toHex(read.value)}`)).toBe(number);
    }),
  );
  const arcs = fc.tuple(fc.nat(2), fc.nat(39), fc.array(fc.nat(), { maxLength: 6 }));
  fc.assert(
    fc.property(arcs, ([first, second, rest]) => {
      const dotted = [first, second, ...rest].join(".");
      expect(readDer(objectIdentifier(dotted), 99, (reader) => readOid(reader, "it"))).toEqual({
        ok: true,
        value: dotted,
      });
    }),
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(31), { minLength: 1 }), (bits) => {
      const read = readDer(namedBits(...bits), 99, (reader) => readNamedBits(reader, "it"));
      expect(read).toEqual({ ok: true, value: bits.toSorted((left, right) => left - right) });
    }),
  );
});

test("random bytes, and a deep nest of SEQUENCEs, never crash the certificate reader", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(readCertificate(bytes).ok).toBe(false);
    }),
  );
  expect(readCertificate(new Uint8Array(65_000).map((_, at) => (at % 2 === 0 ? 0x30 : 0x80))).ok).toBe(false);
});
