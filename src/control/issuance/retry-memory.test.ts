import fc from "fast-check";
import { expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import { minutes, seconds } from "../../foundation/duration.ts";
import { RetryMemory, retryWindowMs } from "./retry-memory.ts";

const keyOf = (name: number | string): string => sha256Hex(`${name}`);
const certificate = (bytes: number, fill: number): Der => new Uint8Array(bytes).fill(fill) as Der;
const always = { nowMs: 0, windowMs: 10 };

test("the window is ten minutes or a quarter of the lifetime, whichever is less", () => {
  expect(retryWindowMs(seconds(60))).toBe(15_000);
  expect(retryWindowMs(minutes(60))).toBe(600_000);
  expect(retryWindowMs(minutes(600))).toBe(600_000);
});

test("what was kept is recalled until its window ends", () => {
  const memory = new RetryMemory();
  memory.keep(keyOf("k"), certificate(700, 1), { nowMs: 5, windowMs: 10 });
  expect(memory.recall(keyOf("k"), 14)).toEqual(certificate(700, 1));
  expect(memory.recall(keyOf("k"), 15)).toBeUndefined();
  expect(memory.recall(keyOf("other"), 5)).toBeUndefined();
});

test("what was kept again is recalled as it was kept last", () => {
  const memory = new RetryMemory();
  memory.keep(keyOf("k"), certificate(700, 1), always);
  memory.keep(keyOf("k"), certificate(800, 2), { nowMs: 700_000, windowMs: 10 });
  expect(memory.recall(keyOf("k"), 700_009)).toEqual(certificate(800, 2));
});

test("by default some twenty thousand are remembered, in memory that does not grow", () => {
  const memory = new RetryMemory();
  const recalled = (from: number, to: number): number => {
    let count = 0;
    for (let at = from; at < to; at += 1) if (memory.recall(keyOf(at), 0)) count += 1;
    return count;
  };
  for (let at = 0; at < 60_000; at += 1) memory.keep(keyOf(at), certificate(700, at % 251), always);
  expect(recalled(40_000, 60_000)).toBeGreaterThan(19_900);
  expect(recalled(0, 30_000)).toBe(0);
});

test("what outlives its caller is no view of the memory: it stays as it was", () => {
  const memory = new RetryMemory(1024);
  memory.keep(keyOf("k"), certificate(700, 1), always);
  const recalled = memory.recall(keyOf("k"), 0);
  memory.keep(keyOf("l"), certificate(900, 2), always);
  expect(recalled).toEqual(certificate(700, 1));
  expect(memory.recall(keyOf("k"), 0)).toBeUndefined();
});

test("of any sizes in any order: what is recalled is what was kept, and the last eight are always recalled", () => {
  const kept = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 900 })), { maxLength: 300 });
  fc.assert(
    fc.property(kept, (steps) => {
      const memory = new RetryMemory(16 * 1024);
      const last = new Map<number, Der>();
      steps.forEach(([name, bytes], at) => {
        const bytesKept = certificate(bytes, at % 256);
        memory.keep(keyOf(name), bytesKept, always);
        last.delete(name);
        last.set(name, bytesKept);
      });
      [...last].reverse().forEach(([name, bytes], newness) => {
        const recalled = memory.recall(keyOf(name), 0);
        if (newness < 8 || recalled !== undefined) expect(recalled).toEqual(bytes);
      });
    }),
    { numRuns: 300 },
  );
});

test("bytes of a certificate that look like the record they were written over are not taken for it", () => {
  const memory = new RetryMemory(1024);
  memory.keep(keyOf("k"), certificate(100, 1), always);
  memory.keep(keyOf("l"), certificate(100, 2), always);
  const forged = Buffer.alloc(600);
  forged.write(keyOf("l"), 100, "latin1"); // a record has 76 bytes before its certificate: this is where "l" began
  forged.writeDoubleBE(10, 164);
  forged.writeUInt32BE(50, 172);
  memory.keep(keyOf("m"), forged as Uint8Array as Der, always);
  expect(memory.recall(keyOf("m"), 0)).toEqual(new Uint8Array(forged));
  expect(memory.recall(keyOf("l"), 0)).toBeUndefined();
});

test("what is longer than the whole memory is not kept, and leaves the rest alone", () => {
  const memory = new RetryMemory(1024);
  memory.keep(keyOf("k"), certificate(700, 1), always);
  memory.keep(keyOf("l"), certificate(1025, 2), always);
  expect(memory.recall(keyOf("l"), 0)).toBeUndefined();
  expect(memory.recall(keyOf("k"), 0)).toEqual(certificate(700, 1));
});
