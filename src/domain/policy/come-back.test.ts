import fc from "fast-check";
import { expect, test } from "vitest";
import { ComeBack, longestAwayMs } from "./come-back.ts";

test("of those who are turned away no more come back at once than there is room for, and nobody before there is", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 100 }),
      (intervalMs, gaps) => {
        const comeBack = new ComeBack();
        let now = 0;
        const moments: number[] = [];
        for (const gap of gaps) {
          now += gap;
          const inMs = comeBack.inMs(50, intervalMs, now);
          expect(inMs).toBeGreaterThanOrEqual(50);
          expect(inMs).toBeLessThanOrEqual(longestAwayMs);
          if (inMs < longestAwayMs) moments.push(now + inMs);
        }
        for (let at = 1; at < moments.length; at += 1)
          expect((moments[at] ?? 0) - (moments[at - 1] ?? 0)).toBeGreaterThanOrEqual(intervalMs);
      },
    ),
  );
});
