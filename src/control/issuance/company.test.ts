import { expect, test } from "vitest";
import { Company, type Standing } from "./company.ts";

const quiet: Standing = { waiting: 1, full: 128, underWay: 0, leavesUnderWay: 0, usualMs: 60 };

/** In how many milliseconds the next batch is due, of a company that the first joined at 100 ms. */
function dueAt(nowMs: number, change: Partial<Standing> = {}): number {
  const company = new Company(1);
  company.joined(1, 100);
  return company.dueInMs({ ...quiet, ...change }, nowMs);
}

test("a full batch goes at once, whatever is under way", () => {
  expect(dueAt(100, { waiting: 128 })).toBe(0);
  expect(dueAt(100, { waiting: 40, full: 40, underWay: 9, leavesUnderWay: 1000 })).toBe(0);
});

test("64 are enough, and above that a quarter of all that there are", () => {
  expect(dueAt(100, { waiting: 63, underWay: 2, leavesUnderWay: 100 })).toBeGreaterThan(0);
  expect(dueAt(100, { waiting: 64, underWay: 2, leavesUnderWay: 100 })).toBe(0);
  expect(dueAt(100, { waiting: 79, underWay: 3, leavesUnderWay: 240 })).toBeGreaterThan(0);
  expect(dueAt(100, { waiting: 80, underWay: 3, leavesUnderWay: 240 })).toBe(0);
});

test("with nothing under way the first waits a moment, and nobody who joins prolongs it", () => {
  expect(dueAt(100)).toBe(1);
  expect(dueAt(101)).toBe(0);
  const company = new Company(1);
  company.joined(1, 100);
  company.joined(2, 100.9);
  expect(company.dueInMs({ ...quiet, waiting: 2 }, 101)).toBe(0);
});

test("the more is under way the longer it waits, up to half of what a batch takes and never above 20 ms", () => {
  expect([1, 2, 3, 9].map((underWay) => dueAt(100, { underWay, usualMs: 12 }))).toEqual([2, 4, 6, 6]);
  expect(dueAt(100, { underWay: 3, usualMs: 5000 })).toBe(20);
  expect(dueAt(120, { underWay: 3, usualMs: 5000 })).toBe(0);
});

test("quick stages make nobody wait longer than the moment", () => {
  expect(dueAt(100, { underWay: 3, usualMs: 1 })).toBe(1);
});

test("who was left behind waits anew from when the batch went; when all are gone, from whoever joins next", () => {
  const company = new Company(1);
  company.joined(1, 100);
  company.went(150);
  company.joined(4, 150.5);
  expect(company.dueInMs(quiet, 150.5)).toBe(0.5);
  company.joined(1, 200);
  expect(company.dueInMs(quiet, 200)).toBe(1);
});
