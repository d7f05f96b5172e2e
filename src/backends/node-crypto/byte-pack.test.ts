import fc from "fast-check";
import { expect, test } from "vitest";
import { packBytes, unpackBytes } from "./byte-pack.ts";

test("parts come back as they went in, from a buffer that holds nothing else", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (parts) => {
      const pack = packBytes(parts.map((part) => Buffer.concat([Buffer.from("around"), part]).subarray(6)));
      expect(pack.bytes.buffer.byteLength).toBe(parts.reduce((sum, part) => sum + part.length, 0));
      expect(unpackBytes(pack)).toEqual(parts);
    }),
  );
});
