import fc from "fast-check";
import { expect, test } from "vitest";
import { systemRandom } from "../../foundation/random.ts";
import {
  leafReissueMoment,
  leafReissueMoments,
  namedDelayMs,
  nodeReissueMoment,
  renewalMoment,
  retryDelayMs,
} from "./renewal.ts";

test("renewal moments of many SVIDs fill their window evenly", () => {
  const life = { obtainedAt: new Date(0), notAfter: new Date(1000) };
  const moments = Array.from({ length: 2000 }, (_, at) => renewalMoment(life, `entry-${at}`));
  for (let from = 400; from < 600; from += 20) {
    const inside = moments.filter((moment) => moment >= from && moment < from + 20).length;
    expect(inside).toBeGreaterThan(140);
    expect(inside).toBeLessThan(260);
  }
});

test("reissue moments are stable; every node's lies before every leaf's", () => {
  const notice = { activeKeyId: "k", reissueSpreadMs: 1000, emergency: false, learnedAtMs: 0 };
  for (let at = 0; at < 100; at++) {
    expect(nodeReissueMoment(notice, `n${at}`)).toBeLessThan(250);
    expect(leafReissueMoment(notice, `n${at}`)).toBeGreaterThanOrEqual(250);
    expect(leafReissueMoment(notice, `n${at}`)).toBeLessThan(1000);
    expect(leafReissueMoment(notice, `n${at}`)).toBe(leafReissueMoment(notice, `n${at}`));
  }
});

test("R24: in an incident nodes take a twentieth of the spread, and what ends last is replaced first", () => {
  const notice = { activeKeyId: "k", reissueSpreadMs: 1000, emergency: true, learnedAtMs: 0 };
  for (let at = 0; at < 100; at++) {
    expect(nodeReissueMoment(notice, `n${at}`)).toBeLessThan(50);
    expect(leafReissueMoment(notice, `n${at}`)).toBeGreaterThanOrEqual(50);
  }
  const leaves = [3, 1, 4, 2].map((end) => ({ name: `ends at ${end}`, notAfter: new Date(end) }));
  const names = [...leafReissueMoments(notice, leaves)]
    .toSorted(([, a], [, b]) => a - b)
    .map(([name]) => name);
  expect(names).toEqual(["ends at 4", "ends at 3", "ends at 2", "ends at 1"]);
});

test("retry delays double to 30 s with chance in the upper half", () => {
  const lowest = { bytes: () => Uint8Array.of(0) };
  const highest = { bytes: () => Uint8Array.of(255) };
  expect([1, 2, 3, 20].map((failures) => retryDelayMs(failures, lowest))).toEqual([125, 250, 500, 15_000]);
  expect(retryDelayMs(50, highest)).toBeLessThanOrEqual(30_000);
});

test("those who were sent away together come back spread over the time, however many and however often", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20_000, max: 300_000 }),
      fc.integer({ min: 1, max: 50 }),
      (named, failures) => {
        const delays = Array.from({ length: 1000 }, () => namedDelayMs(named, failures, systemRandom));
        expect(Math.min(...delays)).toBeGreaterThanOrEqual(named);
        expect(Math.max(...delays)).toBeLessThanOrEqual(Math.ceil(named * 1.25));
        const slots = new Map<number, number>();
        for (const delay of delays) {
          const slot = Math.floor(((delay - named) / (named * 0.25 + 1)) * 10);
          slots.set(slot, (slots.get(slot) ?? 0) + 1);
        }
        expect(slots.size).toBe(10);
        expect(Math.max(...slots.values())).toBeLessThan(200);
      },
    ),
    { numRuns: 30 },
  );
});
