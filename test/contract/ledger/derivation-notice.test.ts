/** What is derived of the log cannot be written, while what is recorded can: that is said, once, and said when it is over. */
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { openLedger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { eventually } from "../../parts/eventually.ts";
import { ledgerWorker, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();

test("a log whose tree cannot be written says so once, and once that it is written again", async () => {
  const file = temporaryLedgerFile();
  const told: (string | undefined)[] = [];
  const ledger = await openLedger({
    file,
    worker: ledgerWorker,
    clock: systemClock,
    onFailure: (fault) => {
      throw fault;
    },
    onDerived: (fault) => void told.push(fault?.message),
  });
  onTestFinished(() => ledger.close());
  const other = new DatabaseSync(file);
  onTestFinished(() => other.close());
  // Recording goes on; only the tree's table refuses.
  other.exec(
    "CREATE TRIGGER broken BEFORE UPDATE ON derived BEGIN SELECT RAISE(ABORT, 'no tree today'); END",
  );
  const event = (kind: string) =>
    ledger.writer.recordEvent({ kind, actor: "a", at: new Date(), detail: {} }, signal);
  await event("first");
  await eventually("the word", () => told.length > 0);
  expect(told[0]).toMatch(/no tree today/);
  await event("second");
  const { size: behind } = await ledger.log.head(signal);
  expect(behind).toBe(0);
  other.exec("DROP TRIGGER broken");
  await eventually("the end of it", () => told.length > 1);
  expect(told).toEqual([expect.any(String), undefined]);
  await eventually("the head", async () => (await ledger.log.head(signal)).size === 2);
});
