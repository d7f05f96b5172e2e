import { expect, test } from "vitest";
import { TokenPace } from "./token-pace.ts";

const proved = (pace: TokenPace, times: number) => {
  for (let time = 0; time < times; time += 1) pace.madeElsewhere();
};

test("a token is tried here only after 32 signatures elsewhere", () => {
  const pace = new TokenPace();
  proved(pace, 31);
  expect(pace.isQuick).toBe(false);
  proved(pace, 1);
  expect(pace.isQuick).toBe(true);
});

test("a token of 20 ms is found out by its first signature here, and not tried again for long", () => {
  const pace = new TokenPace();
  proved(pace, 32);
  pace.madeHere(20);
  expect(pace.isQuick).toBe(false);
  proved(pace, 1023);
  expect(pace.isQuick).toBe(false);
  proved(pace, 1);
  expect(pace.isQuick).toBe(true);
});

test("a token of 1 ms is found out, too; a pause of a quick token's thread is forgiven", () => {
  const slow = new TokenPace();
  proved(slow, 32);
  slow.madeHere(1);
  expect(slow.isQuick).toBe(false);
  const quick = new TokenPace();
  proved(quick, 32);
  for (const tookMs of [0.1, 0.1, 0.1, 15, 15, 0.1, 0.1, 15, 0.1]) quick.madeHere(tookMs);
  expect(quick.isQuick).toBe(true);
});

test("after a failure it has to prove itself again", () => {
  const pace = new TokenPace();
  proved(pace, 32);
  pace.failed();
  expect(pace.isQuick).toBe(false);
});
