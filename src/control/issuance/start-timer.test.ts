import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { StartTimer } from "./start-timer.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => vi.useRealTimers());

function started() {
  const firedAtMs: number[] = [];
  const timer = new StartTimer(() => firedAtMs.push(performance.now()));
  return { firedAtMs, timer, from: performance.now() };
}

test("it fires once, at the soonest time it was set to", () => {
  const { firedAtMs, timer, from } = started();
  timer.in(20, from);
  timer.in(5, from);
  timer.in(10, from);
  vi.advanceTimersByTime(100);
  expect(firedAtMs).toEqual([from + 5]);
});

test("once it has fired it can be set anew; cleared, it does not fire", () => {
  const { firedAtMs, timer, from } = started();
  timer.in(5, from);
  vi.advanceTimersByTime(5);
  timer.in(5, from + 5);
  timer.clear();
  vi.advanceTimersByTime(100);
  expect(firedAtMs).toEqual([from + 5]);
});
