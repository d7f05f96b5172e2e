import fc from "fast-check";
import { expect, test } from "vitest";
import { ClassTurns, leastShares } from "./class-turns.ts";

test("nobody waits: nobody's turn", () => {
  expect(new ClassTurns().next([0, 0, 0, 0])).toBeUndefined();
});

test("who waits alone has every turn", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), (rank) => {
      const waiting = [0, 0, 0, 0];
      waiting[rank] = 5;
      const turns = new ClassTurns();
      for (let count = 0; count < 50; count += 1) expect(turns.next(waiting)).toBe(rank);
    }),
  );
});

test("whichever classes wait for a while, each gets its least share, and the most urgent all the rest", () => {
  fc.assert(
    fc.property(fc.subarray([0, 1, 2, 3], { minLength: 1 }), (ranks) => {
      const waiting = [0, 1, 2, 3].map((rank) => (ranks.includes(rank) ? 1 : 0));
      const turns = new ClassTurns();
      const got = [0, 0, 0, 0];
      for (let count = 0; count < 400; count += 1) {
        const rank = turns.next(waiting) ?? -1;
        expect(waiting[rank]).toBe(1);
        got[rank] = (got[rank] ?? 0) + 1;
      }
      const [first, ...others] = ranks;
      let rest = 400;
      for (const rank of others) {
        const owed = 400 * (leastShares[rank] ?? 0);
        expect(Math.abs((got[rank] ?? 0) - owed)).toBeLessThanOrEqual(2);
        rest -= got[rank] ?? 0;
      }
      expect(got[first ?? 0]).toBe(rest);
    }),
  );
});
