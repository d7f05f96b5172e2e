import fc from "fast-check";
import { expect, test } from "vitest";
import { readDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";
import { readTime, readTimeDigits } from "./der-values.ts";
import { ascii, time } from "./der-writer.ts";

/** What the reader says of a time's DER, and what is said of its digits. */
function both(der: Uint8Array) {
  const read = readDer(der, 64, (reader) => readTime(reader, "it"));
  return [read.ok ? read.value.getTime() : undefined, readTimeDigits(der, 2, der.length)];
}

test.each([
  "000229",
  "010229",
  "240229",
  "230229",
  "991231",
  "490101",
  "500101",
  "001301",
  "000001",
  "010431",
])("the digits of %s are read as readTime reads them", (day) => {
  for (const clock of ["000000Z", "235959Z", "240000Z", "006000Z", "000060Z", "00000aZ", "0000000"]) {
    for (const century of ["19", "20", "21", "00"]) {
      const [short, long] = both(ascii(tag.utcTime, `${day}${clock}`));
      expect(long).toBe(short);
      const [reader, digits] = both(ascii(tag.generalizedTime, `${century}${day}${clock}`));
      if (century !== "00") expect(digits).toBe(reader);
      else expect(digits).toBeUndefined();
    }
  }
});

test("every moment that is written is read back, and every text alike", () => {
  const moments = fc.date({ min: new Date("1000-01-01"), max: new Date("9999-12-31"), noInvalidDate: true });
  fc.assert(
    fc.property(moments, (at) => {
      const second = Math.floor(at.getTime() / 1000) * 1000;
      expect(both(time(at))).toEqual([second, second]);
    }),
    { numRuns: 2000 },
  );
  const texts = fc.stringMatching(/^[1-9]\d{11,13}Z$/);
  fc.assert(
    fc.property(texts, fc.constantFrom(tag.utcTime, tag.generalizedTime), (text, identifier) => {
      const fitting = identifier === tag.utcTime ? text.slice(-13) : text.padStart(15, "2");
      const [reader, digits] = both(ascii(identifier, fitting));
      expect(digits).toBe(reader);
    }),
    { numRuns: 5000 },
  );
});
