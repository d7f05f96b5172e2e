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

test("memory is bounded: expired ones go, then the oldest", () => {
  const memory = new RetryMemory();
  for (let at = 0; at <= 20_000; at += 1) memory.keep(`k${at}`, issued(`${at}`), { nowMs: 0, windowMs: 10 });
  expect(memory.recall("k0", 0)).toBeUndefined();
  expect(memory.recall("k1", 0)?.serial).toBe("1");
  memory.keep("late", issued("late"), { nowMs: 10, windowMs: 10 });
  expect(memory.recall("k2", 0)).toBeUndefined();
  expect(memory.recall("late", 10)?.serial).toBe("late");
});
