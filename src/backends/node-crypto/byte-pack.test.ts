import fc from "fast-check";
import { expect, test } from "vitest";
import { PackReader, PackWriter } from "./byte-pack.ts";

const value = fc.oneof(
  fc.nat(255),
  fc.double().map((number) => ({ number })),
  fc.uint8Array({ maxLength: 5000 }),
  fc.string({ unit: "grapheme", maxLength: 3000 }),
);

test("whatever is packed comes out again, in order", () => {
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const writer = new PackWriter(16);
      for (const each of values) {
        if (typeof each === "number") writer.byte(each);
        else if (typeof each === "string") writer.text(each);
        else if (each instanceof Uint8Array) writer.part(each);
        else writer.number(each.number);
      }
      const reader = new PackReader(writer.finish());
      for (const each of values) {
        if (typeof each === "number") expect(reader.byte()).toBe(each);
        else if (typeof each === "string") expect(reader.text()).toBe(each);
        else if (each instanceof Uint8Array) expect(Buffer.compare(reader.part(), each)).toBe(0);
        else expect(reader.number()).toBe(each.number);
      }
      expect(() => reader.byte()).toThrow(RangeError);
    }),
    { numRuns: 200 },
  );
});

test("a pack grows at whichever value does not fit any more", () => {
  for (let head = 0; head < 12; head += 1) {
    const writer = new PackWriter(16);
    writer.part(new Uint8Array(16 * 1024 - 12 + head));
    writer.byte(7);
    writer.number(1.5);
    writer.text("né");
    writer.part(Uint8Array.of(1, 2, 3));
    const reader = new PackReader(writer.finish());
    reader.part();
    expect([reader.byte(), reader.number(), reader.text(), [...reader.part()]]).toEqual([
      7,
      1.5,
      "né",
      [1, 2, 3],
    ]);
  }
});

test("a part that is too long is refused, a text cut off, a pack that was cut told", () => {
  const writer = new PackWriter(16);
  expect(() => writer.part(new Uint8Array(0x10000))).toThrow(RangeError);
  writer.text("€".repeat(100_000));
  const whole = writer.finish();
  expect(new PackReader(whole).text()).toBe("€".repeat(21_845));
  expect(() => new PackReader(whole.subarray(0, 1000)).text()).toThrow(RangeError);
});
