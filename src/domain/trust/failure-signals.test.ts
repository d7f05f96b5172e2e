import { expect, test } from "vitest";
import { type Failing, isTooMany } from "./failure-signals.ts";
import { newHolder } from "./holder.ts";

const who = { agentId: "n1", spiffeId: "", pid: 7, startTime: "1", kind: "sds" } as const;
const failing = (signal: Failing["signal"], count: number): Failing[] =>
  Array.from({ length: count }, () => ({ holder: newHolder(who, "", new Date(0)), signal, reason: "fails" }));
const limits = { share: 0.05, least: 2 };
const refusals = (count: number, processes: number) =>
  isTooMany({ failing: failing("refusal", count), processes }, ["refusal"], limits);

test("R21: more than the share, and so many at least: both", () => {
  expect([refusals(1, 1), refusals(2, 2), refusals(2, 39)]).toEqual([false, true, true]);
  expect([refusals(2, 40), refusals(2, 4000), refusals(200, 4000), refusals(201, 4000)]).toEqual([
    ...[false, false, false, true],
  ]);
});

test("only the signals that are asked about count", () => {
  const signals = { failing: [...failing("refusal", 1), ...failing("handshakes", 5)], processes: 10 };
  expect(isTooMany(signals, ["refusal", "probe"], limits)).toBe(false);
  expect(isTooMany(signals, ["handshakes"], limits)).toBe(true);
});
