import { expect, test } from "vitest";
import { reissueSpreadMs } from "./reissue-spread.ts";

test("R14: leaves are spread so that the signers are asked for nine tenths of what they carry", () => {
  const spreadMs = reissueSpreadMs({ leaves: 2700, perSecond: 100, leastMs: 1000 });
  expect(spreadMs).toBe(40_000); // 30 s for the leaves, behind 10 s for nodes
});

test("never quicker than the operator said, never longer than a day, and as he said while nobody knows", () => {
  expect(reissueSpreadMs({ leaves: 10, perSecond: 1000, leastMs: 30_000 })).toBe(30_000);
  expect(reissueSpreadMs({ leaves: 1_000_000, perSecond: 0.5, leastMs: 0 })).toBe(24 * 3_600_000);
  expect(reissueSpreadMs({ leaves: 1_000_000, perSecond: undefined, leastMs: 30_000 })).toBe(30_000);
  expect(reissueSpreadMs({ leaves: 0, perSecond: 10, leastMs: 0 })).toBe(0);
});
