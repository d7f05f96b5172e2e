import { expect, test } from "vitest";
import { Fault } from "../../foundation/fault.ts";
import type { LedgerWriter } from "./ledger-writer.ts";
import { type LedgerHealthEvent, WatchedLedgerWriter } from "./watched-ledger-writer.ts";

const { signal } = new AbortController();

test("a ledger that fails says so once, rejects each time, and says once that it records again", async () => {
  const full = new Fault("LEDGER_FAILED", "database or disk is full");
  let isFull = false;
  const record = async () => {
    if (isFull) throw full;
  };
  const writer: LedgerWriter = { recordIntents: record, recordOutcomes: record, recordEvent: record };
  const seen: LedgerHealthEvent[] = [];
  const watched = new WatchedLedgerWriter(writer, { saw: (event) => seen.push(event) });
  await watched.recordIntents([], signal);
  expect(seen).toEqual([]);
  isFull = true;
  await expect(watched.recordIntents([], signal)).rejects.toBe(full);
  await expect(watched.recordOutcomes([], signal)).rejects.toBe(full);
  expect(seen).toEqual([{ kind: "ledger-fails", cause: full }]);
  isFull = false;
  await watched.recordOutcomes([], signal);
  await watched.recordIntents([], signal);
  expect(seen.slice(1)).toEqual([{ kind: "ledger-records-again" }]);
});
