import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { openLedger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, ledgerWorker, openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();

test("serials are found in full blocks, among the newest, and after a restart", async () => {
  const file = temporaryLedgerFile();
  const onFailure = (fault: Error) => {
    throw fault;
  };
  const first = await openLedger({ file, worker: ledgerWorker, clock: systemClock, onFailure });
  const leaves = Array.from({ length: 67_000 }, () => madeLeaf(authorityKeyId));
  for (let from = 0; from < leaves.length; from += 2000) {
    const page = leaves.slice(from, from + 2000);
    await first.writer.recordIntents(
      page.map(({ intent }) => intent),
      signal,
    );
    await first.writer.recordOutcomes(
      page.map(({ issued }) => issued),
      signal,
    );
  }
  const places = [0, 1, 65_534, 65_535, 65_536, 66_999];
  const check = async (reader: typeof first.reader) => {
    for (const place of places) {
      const { serial } = leaves[place]!.intent;
      assert.equal((await reader.findLeaf(serial, signal))?.serial, serial, `leaf ${place}`);
    }
    assert.equal(await reader.findLeaf(madeLeaf(authorityKeyId).intent.serial, signal), undefined);
    assert.equal(await reader.findLeaf("", signal), undefined);
  };
  await check(first.reader);
  await first.close();
  const { reader, writer } = await openLedgerAt(file);
  await check(reader);
  const ended = leaves[66_000]!.intent;
  await assert.rejects(writer.recordIntents([ended], signal), /is taken/);
  const lookalike = { ...ended, serial: `${ended.serial.slice(0, 20)}${"00".repeat(8)}` };
  await writer.recordIntents([lookalike], signal);
  await assert.rejects(writer.recordIntents([lookalike], signal), /is taken/);
  await writer.recordIntents([{ ...ended, authorityKeyId: "0a".repeat(20) }], signal);
});

test("a serial that begins and ends in one transaction is taken in it", async () => {
  const { writer, reader } = await openLedgerAt();
  const { intent, issued } = madeLeaf(authorityKeyId);
  // Nobody waits for another, so that all three come to one commit; the writer takes them in this order.
  const [begun, ended, again] = await Promise.allSettled([
    writer.recordIntents([intent], signal),
    writer.recordOutcomes([issued], signal),
    writer.recordIntents([intent], signal),
  ]);
  assert.deepEqual([begun.status, ended.status, again.status], ["fulfilled", "fulfilled", "rejected"]);
  assert.match(String(again.status === "rejected" && again.reason), /is taken/);
  assert.equal((await reader.counts(signal)).intents, 1);
});

test("what is derived can be thrown away: it is made again from the rows", async () => {
  const file = temporaryLedgerFile();
  const first = await openLedger({
    file,
    worker: ledgerWorker,
    clock: systemClock,
    onFailure: () => undefined,
  });
  const leaves = Array.from({ length: 700 }, () => madeLeaf(authorityKeyId));
  await first.writer.recordIntents(
    leaves.map(({ intent }) => intent),
    signal,
  );
  await first.writer.recordOutcomes(
    leaves.slice(1).map(({ issued }) => issued),
    signal,
  );
  await first.close();
  const derived = () => {
    const database = new DatabaseSync(file);
    const rows = ["ends", "spans", "tiles", "derived"].map((table) =>
      database.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all(),
    );
    database.close();
    return rows;
  };
  const before = derived();
  const intruder = new DatabaseSync(file);
  intruder.exec("DELETE FROM ends; DELETE FROM spans; DELETE FROM tiles");
  intruder.exec("UPDATE derived SET intents = 0, entries = 0, settled = 0");
  intruder.close();
  const second = await openLedger({
    file,
    worker: ledgerWorker,
    clock: systemClock,
    onFailure: () => undefined,
  });
  await second.close();
  assert.deepEqual(derived(), before);
  const { writer } = await openLedgerAt(file);
  await writer.recordOutcomes([leaves[0]!.issued], signal);
});
