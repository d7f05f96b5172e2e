import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SignThreads } from "./sign-threads.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("as many are made at a time as there are threads; the time in line is not counted", () => {
  const threads = new SignThreads(1);
  const first = threads.begin();
  const second = threads.begin();
  vi.advanceTimersByTime(5);
  expect([threads.oldestMs(), threads.end(first)]).toEqual([5, 5]);
  vi.advanceTimersByTime(7);
  expect([threads.oldestMs(), threads.end(second), threads.oldestMs()]).toEqual([7, 7, 0]);
});

test("who leaves the line before a thread was free has taken no time, and nobody's place", () => {
  const threads = new SignThreads(1);
  const first = threads.begin();
  const second = threads.begin();
  const third = threads.begin();
  vi.advanceTimersByTime(5);
  expect(threads.end(second)).toBe(0);
  threads.end(first);
  vi.advanceTimersByTime(3);
  expect(threads.end(third)).toBe(3);
});

test("one in line for each thread, but none before one was seen, nor behind one that takes much longer than usual", () => {
  const threads = new SignThreads(2);
  const first = threads.begin();
  vi.advanceTimersByTime(8);
  expect(threads.mostGiven).toBe(2);
  threads.end(first); // the usual is a millisecond now: one eighth of what was seen is believed
  const second = threads.begin();
  vi.advanceTimersByTime(4);
  expect(threads.mostGiven).toBe(4);
  vi.advanceTimersByTime(1);
  expect(threads.mostGiven).toBe(2);
  threads.end(second);
  expect(threads.mostGiven).toBe(4);
});
