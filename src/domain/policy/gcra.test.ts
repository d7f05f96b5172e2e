import fc from "fast-check";
import { expect, test } from "vitest";
import { gcra } from "./gcra.ts";

test("in any span no more is let through than the burst and what the rate allows", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 10 }),
      gaps,
      (intervalMs, burst, waits) => {
        let due: number | undefined;
        let now = 1000;
        const passed: number[] = [];
        for (const wait of waits) {
          now += wait;
          const verdict = gcra(due, now, { intervalMs, burst });
          if (!verdict.ok) continue;
          due = verdict.due;
          passed.push(now);
        }
        passed.forEach((from, first) => {
          passed.slice(first).forEach((to, more) => {
            expect(more + 1).toBeLessThanOrEqual(burst + (to - from) / intervalMs);
          });
        });
      },
    ),
  );
});

test("whoever waits as long as told is let through, and not a millisecond earlier", () => {
  const rate = { intervalMs: 100, burst: 3 };
  let due: number | undefined;
  for (let count = 0; count < 3; count += 1) {
    const verdict = gcra(due, 0, rate);
    if (verdict.ok) due = verdict.due;
  }
  const refused = gcra(due, 0, rate);
  expect(refused).toEqual({ ok: false, retryAfterMs: 100 });
  expect(gcra(due, 99, rate).ok).toBe(false);
  expect(gcra(due, 100, rate).ok).toBe(true);
});
