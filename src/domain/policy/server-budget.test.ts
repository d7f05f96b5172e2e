import fc from "fast-check";
import { expect, test } from "vitest";
import { budgetHasRoom } from "./server-budget.ts";

const terms = { reservedShare: 0.3, longestWaitMs: 2000 };
const greedy = { tenantWaiting: 1e9, tenantShare: 1 };

test("nothing is refused while the capacity is not known, nor while nothing waits", () => {
  const asker = { mayUseReserve: false, ...greedy };
  expect(budgetHasRoom(terms, { perSecond: undefined, reserved: 1e6, ordinary: 1e6 }, asker)).toBe(true);
  expect(budgetHasRoom(terms, { perSecond: 0.01, reserved: 0, ordinary: 0 }, asker)).toBe(true);
});

test("whatever others have waiting, the reserve is there for urgent ones, and no further", () => {
  const share = fc.integer({ min: 0, max: 90 }).map((percent) => percent / 100);
  fc.assert(
    fc.property(share, fc.integer({ min: 100, max: 10_000 }), (reservedShare, perSecond) => {
      const whole = perSecond * 2;
      const letIn = (mayUseReserve: boolean) => {
        const waiting = { reserved: 0, ordinary: 0 };
        const asker = { mayUseReserve, ...greedy };
        const kind = mayUseReserve ? "reserved" : "ordinary";
        while (budgetHasRoom({ ...terms, reservedShare }, { perSecond, ...waiting }, asker))
          waiting[kind] += 1;
        return waiting[kind];
      };
      expect(letIn(false)).toBe(Math.ceil(whole * (1 - reservedShare)));
      expect(letIn(true)).toBe(whole);
    }),
    { numRuns: 20 },
  );
});

test("a tenant with less than its part waiting is let in whatever others have", () => {
  const flooded = { perSecond: 100, reserved: 0, ordinary: 5000 };
  const asker = { mayUseReserve: false, tenantShare: 0.5 };
  expect(budgetHasRoom(terms, flooded, { ...asker, tenantWaiting: 69 })).toBe(true);
  expect(budgetHasRoom(terms, flooded, { ...asker, tenantWaiting: 70 })).toBe(false);
});
