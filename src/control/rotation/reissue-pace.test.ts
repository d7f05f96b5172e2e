import { expect, test } from "vitest";
import { ReissuePace } from "./reissue-pace.ts";

test("R14: agents are told one figure for as long as an authority signs, and what is known by then for the next", () => {
  let perSecond: number | undefined;
  const pace = new ReissuePace(() => ({ cause: "planned", leaves: 2700, perSecond, leastMs: 1000 }));
  expect(pace.spreadMs("aa")).toBe(1000);
  perSecond = 100;
  expect(pace.spreadMs("aa")).toBe(1000);
  expect(pace.spreadMs("bb")).toBe(40_000);
  perSecond = 200;
  expect(pace.spreadMs("bb")).toBe(40_000);
});
