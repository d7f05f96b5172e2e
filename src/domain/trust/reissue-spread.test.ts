import { expect, test } from "vitest";
import { reissueSpreadMs } from "./reissue-spread.ts";

const planned = { cause: "planned" } as const;

test("R14: leaves are spread so that the signers are asked for nine tenths of what they carry", () => {
  const spreadMs = reissueSpreadMs({ ...planned, leaves: 2700, perSecond: 100, leastMs: 1000 });
  expect(spreadMs).toBe(40_000); // 30 s for the leaves, behind 10 s for nodes
});

test("never quicker than the operator said, never longer than a day, and as he said while nobody knows", () => {
  expect(reissueSpreadMs({ ...planned, leaves: 10, perSecond: 1000, leastMs: 30_000 })).toBe(30_000);
  expect(reissueSpreadMs({ ...planned, leaves: 1_000_000, perSecond: 0.5, leastMs: 0 })).toBe(24 * 3_600_000);
  expect(reissueSpreadMs({ ...planned, leaves: 1_000_000, perSecond: undefined, leastMs: 30_000 })).toBe(
    30_000,
  );
  expect(reissueSpreadMs({ ...planned, leaves: 0, perSecond: 10, leastMs: 0 })).toBe(0);
});

test("R24: in an incident as fast as the signers carry, whatever the operator set for what is planned", () => {
  const load = { cause: "incident", leaves: 2090, leastMs: 30_000 } as const;
  expect(reissueSpreadMs({ ...load, perSecond: 100 })).toBe(20_000); // 19 s at a tenth more than they carry, behind 1 s for nodes
  expect(reissueSpreadMs({ ...load, perSecond: undefined })).toBe(0);
});
