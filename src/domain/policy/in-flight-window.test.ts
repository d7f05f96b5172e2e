import { expect, test } from "vitest";
import { InFlightWindow } from "./in-flight-window.ts";

const bounds = { least: 16, most: 1024, batch: 64 };

/**
 * A token that carries `perSecond`, behind stages that take `stagesMs` whatever comes: batches are dispatched as the window allows,
 * for `ms`. Gives what it carried, and the longest time from dispatch to answer in the last second.
 */
function simulate(
  window: InFlightWindow,
  token: { perSecond: number; stagesMs: number },
  { ms, fromMs = 0 }: { ms: number; fromMs?: number },
): { carried: number; longestMs: number } {
  const underWay: { endMs: number; beganMs: number; leaves: number }[] = [];
  let [now, freeAtMs, leavesUnderWay, done, longestMs] = [fromMs, fromMs, 0, 0, 0];
  const dispatch = () => {
    const leaves = window.batchLeaves;
    if (leavesUnderWay > 0 && leavesUnderWay + leaves > window.leaves) return false;
    freeAtMs = Math.max(freeAtMs, now + token.stagesMs) + (leaves * 1000) / token.perSecond;
    underWay.push({ endMs: freeAtMs, beganMs: now, leaves });
    leavesUnderWay += leaves;
    return true;
  };
  while (now < fromMs + ms) {
    while (dispatch());
    const batch = underWay.shift();
    if (!batch) break;
    now = batch.endMs;
    leavesUnderWay -= batch.leaves;
    done += batch.leaves;
    window.carries((done * 1000) / Math.max(now - fromMs, 250));
    window.ended(now - batch.beganMs, now);
    if (now > fromMs + ms - 1000) longestMs = Math.max(longestMs, now - batch.beganMs);
  }
  return { carried: (done * 1000) / (now - fromMs), longestMs };
}

test.each([
  [133, 10],
  [400, 10],
  [1600, 10],
  [4000, 25],
  [8000, 25],
  [2000, 150],
])(
  "a token of %i leaves a second behind stages of %i ms is kept busy, and little is committed",
  (perSecond, stagesMs) => {
    const window = new InFlightWindow(bounds);
    const { carried, longestMs } = simulate(window, { perSecond, stagesMs }, { ms: 60_000 });
    expect(carried / perSecond).toBeGreaterThan(0.95);
    expect(longestMs).toBeLessThan(Math.max(4 * stagesMs, 600) + (16 * 1000) / perSecond);
  },
);

test("it follows a token that becomes slow, and one that is quick again", () => {
  const window = new InFlightWindow(bounds);
  simulate(window, { perSecond: 4000, stagesMs: 20 }, { ms: 30_000 });
  expect(window.leaves).toBeGreaterThan(300);
  simulate(window, { perSecond: 400, stagesMs: 20 }, { ms: 30_000, fromMs: 30_000 });
  expect(window.leaves).toBeLessThan(130);
  const again = simulate(window, { perSecond: 4000, stagesMs: 20 }, { ms: 30_000, fromMs: 60_000 });
  expect(again.carried).toBeGreaterThan(3800);
});

test("batches are full with a quick token, and small with a slow one", () => {
  const window = new InFlightWindow(bounds);
  simulate(window, { perSecond: 4000, stagesMs: 20 }, { ms: 20_000 });
  expect(window.batchLeaves).toBe(64);
  simulate(window, { perSecond: 400, stagesMs: 20 }, { ms: 20_000, fromMs: 20_000 });
  expect(window.batchLeaves).toBeLessThan(45);
});
