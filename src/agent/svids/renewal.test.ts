import { expect, test } from "vitest";
import { leafReissueMoment, nodeReissueMoment, renewalMoment, retryDelayMs } from "./renewal.ts";

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
  const notice = { activeKeyId: "k", reissueSpreadMs: 1000, learnedAtMs: 0 };
  for (let at = 0; at < 100; at++) {
    expect(nodeReissueMoment(notice, `n${at}`)).toBeLessThan(250);
    expect(leafReissueMoment(notice, `n${at}`)).toBeGreaterThanOrEqual(250);
    expect(leafReissueMoment(notice, `n${at}`)).toBeLessThan(1000);
    expect(leafReissueMoment(notice, `n${at}`)).toBe(leafReissueMoment(notice, `n${at}`));
  }
});

test("retry delays double to 30 s with chance in the upper half", () => {
  const lowest = { bytes: () => Uint8Array.of(0) };
  const highest = { bytes: () => Uint8Array.of(255) };
  expect([1, 2, 3, 20].map((failures) => retryDelayMs(failures, lowest))).toEqual([125, 250, 500, 15_000]);
  expect(retryDelayMs(50, highest)).toBeLessThanOrEqual(30_000);
});
