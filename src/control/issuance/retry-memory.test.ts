import { expect, test } from "vitest";
import { minutes, seconds } from "../../foundation/duration.ts";
import type { Issued } from "./request.ts";
import { RetryMemory, retryWindowMs } from "./retry-memory.ts";

const issued = (serial: string): Issued => ({
  chain: [],
  authorityKeyId: "a",
  serial,
  notBefore: new Date(0),
  notAfter: new Date(1),
});

test("the window is ten minutes or a quarter of the lifetime, whichever is less", () => {
  expect(retryWindowMs(seconds(60))).toBe(15_000);
  expect(retryWindowMs(minutes(60))).toBe(600_000);
  expect(retryWindowMs(minutes(600))).toBe(600_000);
});

test("what was kept is recalled until its window ends", () => {
  const memory = new RetryMemory();
  memory.keep("k", issued("1"), { nowMs: 0, windowMs: 10 });
  expect(memory.recall("k", 9)?.serial).toBe("1");
  expect(memory.recall("k", 10)).toBeUndefined();
  expect(memory.recall("other", 0)).toBeUndefined();
});

test("memory is bounded: the older half goes when twice ten thousand are exceeded", () => {
  const memory = new RetryMemory();
  const keepUpTo = (from: number, upTo: number) => {
    for (let at = from; at < upTo; at += 1)
      memory.keep(`k${at}`, issued(`${at}`), { nowMs: 0, windowMs: 10 });
  };
  keepUpTo(0, 20_000);
  expect(memory.recall("k0", 0)?.serial).toBe("0");
  keepUpTo(20_000, 20_001);
  expect(memory.recall("k9999", 0)).toBeUndefined();
  expect(memory.recall("k10000", 0)?.serial).toBe("10000");
  expect(memory.recall("k20000", 0)?.serial).toBe("20000");
});

test("what was kept again is recalled as it was kept last", () => {
  const memory = new RetryMemory();
  memory.keep("k", issued("1"), { nowMs: 0, windowMs: 10 });
  memory.keep("k", issued("2"), { nowMs: 700_000, windowMs: 10 });
  expect(memory.recall("k", 700_009)?.serial).toBe("2");
});

test("a quiet server forgets too: what is older than the longest window goes with the next that is kept but one", () => {
  const memory = new RetryMemory();
  memory.keep("k", issued("1"), { nowMs: 0, windowMs: 600_000 });
  memory.keep("l", issued("2"), { nowMs: 600_001, windowMs: 600_000 });
  expect(memory.recall("k", 1)?.serial).toBe("1");
  memory.keep("m", issued("3"), { nowMs: 1_200_002, windowMs: 600_000 });
  expect(memory.recall("k", 1)).toBeUndefined();
});
