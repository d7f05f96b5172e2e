import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDuration, parseDuration, seconds } from "./duration.ts";

test.each([
  ["90s", 90],
  ["15m", 900],
  ["1h", 3600],
  ["30d", 2_592_000],
  ["1h30m", 5400],
  ["0s", 0],
])("%s is %i seconds", (text, count) => {
  expect(parseDuration(text)).toEqual({ ok: true, value: count });
});

test.each(["", "1", "h", "-1h", "1.5h", "1w", "1h ", "40000d", "1H"])("%j is refused", (text) => {
  expect(parseDuration(text).ok).toBe(false);
});

test("what is printed is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 36_500 * 86_400 }), (count) => {
      expect(parseDuration(formatDuration(seconds(count)))).toEqual({ ok: true, value: count });
    }),
  );
});
