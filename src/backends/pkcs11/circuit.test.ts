import { expect, test } from "vitest";
import { Circuit } from "./circuit.ts";

test("opens at the fifth failure in a row, and a signature ends the row", () => {
  const circuit = new Circuit();
  const row = () => [1, 2, 3, 4].map(() => circuit.failed());
  expect(row()).toEqual([false, false, false, false]);
  circuit.succeeded();
  expect(row()).toEqual([false, false, false, false]);
  expect(circuit.failed()).toBe(true);
});

test("on probation one failure opens it, after a pause twice as long, up to five seconds; a signature ends probation", () => {
  const circuit = new Circuit();
  const pauses = Array.from({ length: 11 }, () => circuit.open());
  expect(pauses.slice(0, 4)).toEqual([100, 200, 400, 800]);
  expect(pauses.at(-1)).toBe(5_000);
  expect(circuit.failed()).toBe(true);
  circuit.succeeded();
  expect(circuit.failed()).toBe(false);
  expect(circuit.open()).toBe(100);
});
