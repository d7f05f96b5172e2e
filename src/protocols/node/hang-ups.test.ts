import { expect, test } from "vitest";
import { HangUps } from "./hang-ups.ts";

test("everybody who still waits hears that the stream was hung up, with its reason; who was answered does not", () => {
  const stream = new AbortController();
  const hangUps = new HangUps(stream.signal);
  const full = hangUps.join(64);
  const half = hangUps.join(40);
  const withIt = hangUps.join(40);
  const alone = hangUps.join(1);
  for (let item = 0; item < 64; item += 1) full.settled();
  for (let item = 0; item < 40; item += 1) half.settled();
  const reason = new Error("hung up");
  stream.abort(reason);
  expect(full.signal.aborted).toBe(false);
  expect([half, withIt, alone].map(({ signal }) => signal.reason)).toEqual([reason, reason, reason]);
});

test("small batches share a signal until it stands for 64 items; the next batch has another", () => {
  const hangUps = new HangUps(new AbortController().signal);
  const signals = Array.from({ length: 129 }, () => {
    const joined = hangUps.join(1);
    joined.settled();
    return joined.signal;
  });
  expect([...new Set(signals)].map((signal) => signals.filter((each) => each === signal).length)).toEqual([
    64, 64, 1,
  ]);
});
