import { expect, test } from "vitest";
import { minutes } from "../../foundation/duration.ts";
import { ClockWatch } from "./clock-watch.ts";

function watched(maxClockSkew = minutes(5)) {
  const time = { wallMs: 1_800_000_000_000, bootMs: 0 };
  const told: string[] = [];
  const watch = new ClockWatch({
    clock: { now: () => new Date(time.wallMs) },
    sinceBoot: { ms: () => time.bootMs },
    maxClockSkew,
    onAhead: (sentence) => told.push(sentence),
  });
  const pass = (ms: number) => {
    time.wallMs += ms;
    time.bootMs += ms;
  };
  const jump = (seconds: number) => {
    time.wallMs += seconds * 1000;
  };
  return { watch, told, pass, jump };
}

test("R27: time that passes is no jump, nor is what the barriers allow for", () => {
  const { watch, told, pass, jump } = watched();
  pass(86_400_000);
  jump(300);
  expect([watch.ahead(), told]).toEqual([undefined, []]);
});

test("R27: a jump ahead stands until the clock is back, and is told once", () => {
  const { watch, told, pass, jump } = watched();
  jump(7200);
  expect(watch.ahead()).toMatch(
    /clock has jumped ahead by 2h: no step is taken .*`meshmint rotation resume`/,
  );
  pass(60_000);
  expect(watch.ahead()).toBeDefined();
  expect(told).toHaveLength(1);
  jump(-7200);
  expect(watch.ahead()).toBeUndefined();
  jump(400);
  expect(watch.ahead()).toBeDefined();
  expect(told).toHaveLength(2);
});

test("R27: a clock that was set back was wrong before", () => {
  const { watch, jump } = watched();
  jump(-7200);
  expect(watch.ahead()).toBeUndefined();
  jump(7200);
  expect(watch.ahead()).toBeDefined();
});

test("R27: an operator may find the clock right as it is", () => {
  const { watch, jump } = watched();
  expect(watch.trust()).toBe(false);
  jump(7200);
  expect(watch.trust()).toBe(true);
  expect(watch.ahead()).toBeUndefined();
  jump(7200);
  expect(watch.ahead()).toBeDefined();
});
