import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeEcdsaSignature, encodeEcdsaSignature } from "./ecdsa-signature.ts";

test.each([32, 48])("r‖s of %i bytes each is read back, whatever the leading bytes", (length) => {
  const scalar = fc
    .tuple(fc.nat(length - 1), fc.uint8Array({ minLength: length, maxLength: length }))
    .map(([zeros, bytes]) => bytes.fill(0, 0, zeros).fill(1, length - 1));
  fc.assert(
    fc.property(scalar, scalar, (r, s) => {
      const raw = new Uint8Array([...r, ...s]);
      const der = encodeEcdsaSignature(raw);
      expect(der.ok && decodeEcdsaSignature(der.value, length)).toEqual({ ok: true, value: raw });
    }),
  );
});

test.each([
  ["an odd length", new Uint8Array(63).fill(1)],
  ["nothing", new Uint8Array(0)],
  ["a zero r", new Uint8Array(64).fill(1, 32)],
  ["a zero s", new Uint8Array(64).fill(1, 0, 32)],
])("%s is refused", (_, raw) => {
  expect(encodeEcdsaSignature(raw).ok).toBe(false);
});

test("a scalar longer than the curve's is refused", () => {
  const der = encodeEcdsaSignature(new Uint8Array(96).fill(0x11));
  expect(der.ok && decodeEcdsaSignature(der.value, 32).ok).toBe(false);
});
