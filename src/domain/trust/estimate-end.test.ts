import fc from "fast-check";
import { expect, test } from "vitest";
import { estimateEnd, type Look, paceOf, withLook } from "./estimate-end.ts";

const none = { pace: undefined, notBeforeMs: undefined, latestMs: undefined, soaksEndMs: undefined };

test("two looks make a pace; one does not, nor two in one moment, and what grows is none", () => {
  expect(paceOf([])).toBeUndefined();
  expect(paceOf([{ atMs: 0, left: 9 }])).toBeUndefined();
  expect(
    paceOf([
      { atMs: 0, left: 9 },
      { atMs: 100, left: 0 },
    ]),
  ).toBeUndefined();
  expect(
    paceOf([
      { atMs: 0, left: 90 },
      { atMs: 10_000, left: 40 },
    ]),
  ).toEqual({ perSecond: 5, overMs: 10_000, passed: 50 });
  expect(
    paceOf([
      { atMs: 0, left: 9 },
      { atMs: 5000, left: 12 },
    ]),
  ).toEqual({ perSecond: 0, overMs: 5000, passed: 0 });
});

test("looks older than a minute are dropped, so what is kept is bounded", () => {
  let looks: readonly Look[] = [];
  for (let second = 0; second < 500; second += 1)
    looks = withLook(looks, { atMs: second * 1000, left: 500 - second });
  expect(looks).toHaveLength(61);
  expect(paceOf(looks)).toEqual({ perSecond: 1, overMs: 60_000, passed: 60 });
});

test("with nobody behind only the clock is waited for", () => {
  expect(estimateEnd({ ...none, nowMs: 1000, left: 0 })).toEqual({ by: "clock", atMs: 1000 });
  expect(estimateEnd({ ...none, nowMs: 1000, left: 0, notBeforeMs: 9000 })).toEqual({
    by: "clock",
    atMs: 9000,
  });
});

test("a pace gives an end, not before the certificates are valid for all, and with the end by expiry beside it", () => {
  const pace = { perSecond: 5, overMs: 10_000, passed: 50 };
  expect(estimateEnd({ ...none, nowMs: 0, left: 50, pace, notBeforeMs: 4000, latestMs: 60_000 })).toEqual({
    by: "pace",
    atMs: 10_000,
    pace,
    latestMs: 60_000,
  });
  expect(estimateEnd({ ...none, nowMs: 0, left: 50, pace, notBeforeMs: 40_000 })).toMatchObject({
    atMs: 40_000,
  });
});

test("a pace that would end after everything is over is not told; without pace and expiry nothing is", () => {
  const slow = { perSecond: 0.1, overMs: 60_000, passed: 6 };
  expect(estimateEnd({ ...none, nowMs: 0, left: 50, pace: slow, latestMs: 60_000 })).toEqual({
    by: "latest",
    latestMs: 60_000,
  });
  const still = { perSecond: 0, overMs: 60_000, passed: 0 };
  expect(estimateEnd({ ...none, nowMs: 0, left: 1, pace: still })).toEqual({ by: "unknown" });
  expect(estimateEnd({ ...none, nowMs: 0, left: 1 })).toEqual({ by: "unknown" });
  const one = { perSecond: 0.25, overMs: 4000, passed: 1 };
  expect(estimateEnd({ ...none, nowMs: 0, left: 2, pace: one })).toEqual({ by: "unknown" });
});

test("whatever was seen, no end is told that has passed, and none after the latest", () => {
  const moment = fc.integer({ min: 0, max: 1e9 });
  fc.assert(
    fc.property(
      fc.record({
        nowMs: moment,
        left: fc.nat(1e6),
        pace: fc.option(
          fc.record({
            perSecond: fc.double({ min: 0, max: 1e6, noNaN: true }),
            overMs: moment,
            passed: fc.nat(100),
          }),
          {
            nil: undefined,
          },
        ),
        notBeforeMs: fc.option(moment, { nil: undefined }),
        latestMs: fc.option(moment, { nil: undefined }),
        soaksEndMs: fc.option(moment, { nil: undefined }),
      }),
      (waiting) => {
        const end = estimateEnd(waiting);
        if (end.by === "clock" || end.by === "pace") expect(end.atMs).toBeGreaterThanOrEqual(waiting.nowMs);
        if (end.by === "pace" && end.latestMs !== undefined) expect(end.atMs).toBeLessThan(end.latestMs);
        if (end.by === "unknown") expect(waiting.latestMs).toBeUndefined();
      },
    ),
  );
});

test("R20: it does not end before the cohorts have soaked, whatever the pace; expiry may be sooner, and nobody behind is the end", () => {
  const waiting = { ...none, nowMs: 0, left: 50, soaksEndMs: 40_000 };
  const pace = { perSecond: 5, overMs: 10_000, passed: 50 };
  expect(estimateEnd({ ...waiting, pace })).toMatchObject({ by: "pace", atMs: 40_000, soaksEndMs: 40_000 });
  expect(estimateEnd(waiting)).toEqual({ by: "unknown", soaksEndMs: 40_000 });
  expect(estimateEnd({ ...waiting, latestMs: 60_000 })).toEqual({
    ...{ by: "latest", latestMs: 60_000, soaksEndMs: 40_000 },
  });
  expect(estimateEnd({ ...waiting, pace, latestMs: 30_000 })).toMatchObject({ by: "pace", atMs: 10_000 });
  expect(estimateEnd({ ...waiting, latestMs: 30_000 })).toEqual({ by: "latest", latestMs: 30_000 });
  expect(estimateEnd({ ...waiting, left: 0 })).toEqual({ by: "clock", atMs: 0 });
});
