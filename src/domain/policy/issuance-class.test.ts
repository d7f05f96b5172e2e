import fc from "fast-check";
import { expect, test } from "vitest";
import { classOf, type IssuanceClass, type LastLeaf, mayUseReserve } from "./issuance-class.ts";

const leaf = { issuedAtMs: 1000, notAfterMs: 4000, isDistrusted: false };

test.each<[string, LastLeaf | undefined, number, IssuanceClass]>([
  ["nothing was issued", undefined, 2000, "first-issue"],
  ["just issued", leaf, 1000, "routine"],
  ["two thirds gone", leaf, 3000, "routine"],
  ["less than a third left", leaf, 3001, "near-expiry"],
  ["expired", leaf, 9000, "near-expiry"],
  ["the key of its authority is lost", { ...leaf, isDistrusted: true }, 1000, "emergency"],
])("%s", (_, ...[last, nowMs, expected]) => {
  expect(classOf(last, nowMs)).toBe(expected);
});

test("as time goes by a leaf only becomes more urgent", () => {
  const moments = fc.tuple(fc.nat(2e6), fc.nat(1e6));
  fc.assert(
    fc.property(fc.nat(1e6), fc.nat(1e6), moments, (issuedAtMs, life, [at, later]) => {
      const last = { issuedAtMs, notAfterMs: issuedAtMs + life, isDistrusted: false };
      if (mayUseReserve(classOf(last, at))) expect(mayUseReserve(classOf(last, at + later))).toBe(true);
    }),
  );
});
