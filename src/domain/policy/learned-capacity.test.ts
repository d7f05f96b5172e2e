import fc from "fast-check";
import { expect, test } from "vitest";
import { LearnedCapacity } from "./learned-capacity.ts";

/** Serves batches of `size` at `perSecond`, each off by up to `noise` of its time, for `ms`; gives the time at its end. */
function serve(
  capacity: LearnedCapacity,
  {
    perSecond,
    size,
    ms,
    noise = () => 0,
  }: { perSecond: number; size: number; ms: number; noise?: () => number },
  fromMs: number,
): number {
  let now = fromMs;
  while (now < fromMs + ms) {
    now += ((size * 1000) / perSecond) * (1 + noise());
    capacity.served(size, now);
  }
  return now;
}

test("nothing is known before the signer was busy for three quarters of a second, and a slow start says nothing", () => {
  const capacity = new LearnedCapacity();
  capacity.tick(-5000);
  capacity.tick(-3000);
  expect(capacity.perSecond).toBeUndefined();
  capacity.served(64, 0);
  for (let at = 128; at <= 1280; at += 128) capacity.served(64, at);
  expect(capacity.perSecond).toBe(500);
});

test("idle times say nothing", () => {
  const capacity = new LearnedCapacity();
  let now = serve(capacity, { perSecond: 1000, size: 10, ms: 2000 }, 0);
  for (let pause = 0; pause < 20; pause += 1) {
    capacity.idle();
    now += 10_000;
    capacity.served(1, now);
    capacity.served(1, now + 200);
  }
  expect(capacity.perSecond).toBeCloseTo(1000, -1);
});

test("it is right within a tenth for any pace and batch, with a third of noise in each batch's time", () => {
  const share = fc.double({ min: -0.33, max: 0.33, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 50, max: 5000 }),
      fc.integer({ min: 1, max: 16 }),
      fc.array(share, { minLength: 200, maxLength: 400 }),
      (perSecond, size, shares) => {
        const mean = shares.reduce((sum, one) => sum + one, 0) / shares.length;
        let at = 0;
        const noise = () => (shares[at++ % shares.length] ?? 0) - mean;
        const capacity = new LearnedCapacity();
        serve(capacity, { perSecond, size, ms: 4000, noise }, 0);
        const learned = capacity.perSecond ?? 0;
        // A quarter of a second holds few batches of a slow token, so chance counts more there.
        const tolerance = 0.1 + 0.33 * Math.sqrt(size / (perSecond / 4));
        expect(Math.abs(learned / perSecond - 1)).toBeLessThan(tolerance);
      },
    ),
    { numRuns: 100 },
  );
});

test("one stall moves nothing; a lasting change is believed within two seconds, both ways", () => {
  const capacity = new LearnedCapacity();
  let now = serve(capacity, { perSecond: 2000, size: 20, ms: 3000 }, 0);
  capacity.served(20, now + 900);
  now += 900;
  expect(capacity.perSecond).toBeCloseTo(2000, -2);
  now = serve(capacity, { perSecond: 200, size: 8, ms: 2000 }, now);
  expect(capacity.perSecond).toBeGreaterThan(150);
  expect(capacity.perSecond).toBeLessThan(250);
  serve(capacity, { perSecond: 2000, size: 20, ms: 2000 }, now);
  expect(capacity.perSecond).toBeGreaterThan(1800);
});

test("a token that has stopped is noticed by time alone", () => {
  const capacity = new LearnedCapacity();
  let now = serve(capacity, { perSecond: 1000, size: 10, ms: 2000 }, 0);
  for (let tick = 0; tick < 100; tick += 1) {
    now += 100;
    capacity.tick(now);
  }
  expect(capacity.perSecond).toBeLessThan(1);
  serve(capacity, { perSecond: 1000, size: 10, ms: 3000 }, now);
  expect(capacity.perSecond).toBeGreaterThan(900);
});
