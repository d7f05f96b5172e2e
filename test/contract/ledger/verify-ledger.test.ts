import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { OrphanCloser } from "../../../src/control/ledger/orphan-closer.ts";
import { verifyLedger } from "../../../src/control/ledger/verify-ledger.ts";
import type { JournalLine } from "../../../src/control/signing/signer.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();
type Leaf = ReturnType<typeof madeLeaf>;

class FakeJournal {
  readonly lines: JournalLine[] = [];
  beforeReading: () => Promise<void> = async () => {};

  add(...leaves: Leaf[]): void {
    for (const { intent } of leaves) {
      const sequence = BigInt(this.lines.length);
      this.lines.push({ sequence, keyId: intent.authorityKeyId, tbsSha256: intent.tbsSha256 });
    }
  }

  async *readJournal(): AsyncGenerator<JournalLine> {
    await this.beforeReading();
    yield* this.lines;
  }
}

async function openScene(file = temporaryLedgerFile()) {
  const ledger = await openLedgerAt(file);
  const journal = new FakeJournal();
  const leaves = Array.from({ length: 30 }, () => madeLeaf(authorityKeyId));
  await ledger.writer.recordIntents(
    leaves.map(({ intent }) => intent),
    signal,
  );
  return { ...ledger, journal, leaves, file };
}

test("certificates, failures and what is under way add up, while both sides grow", async () => {
  const { writer, reader, journal, leaves } = await openScene();
  const issued = leaves.slice(0, 20);
  const failed = leaves.slice(20, 23);
  const lost = leaves.slice(23, 25);
  const unsigned = leaves.slice(25, 28);
  journal.add(...issued, ...failed, ...lost, ...leaves.slice(28, 29));
  const outcomes = [
    ...issued.map((leaf) => leaf.issued),
    ...failed.map((leaf) => leaf.closed("self-check-failed")),
    ...lost.map((leaf) => leaf.closed("signed-not-recorded")),
    ...unsigned.map((leaf) => leaf.closed("not-signed")),
  ];
  await writer.recordOutcomes(outcomes, signal);
  journal.beforeReading = async () => {
    const late = madeLeaf(authorityKeyId);
    await writer.recordIntents([late.intent], signal);
    journal.add(late);
  };
  assert.deepEqual(await verifyLedger({ reader, journal }, signal), {
    journalLines: 25,
    intents: 30,
    certificates: 20,
    intentsOpen: 2,
    notSigned: 3,
    selfCheckFailed: 3,
    signedNotRecorded: 2,
    lostByRestore: 0,
    reconciled: true,
    differences: [],
    differenceCount: 0,
  });
});

test("orphans are closed by what the journal knows of them, once", async () => {
  const { writer, reader, journal, leaves } = await openScene();
  journal.add(...leaves.slice(0, 10));
  await writer.recordOutcomes(
    leaves.slice(0, 5).map(({ issued }) => issued),
    signal,
  );
  const closer = new OrphanCloser({ reader, writer, journal });
  assert.equal(await closer.close(new Date(0), signal), 0, "none was announced so long ago");
  assert.equal(await closer.close(new Date(Date.now() + 1), signal), 25);
  assert.equal(await closer.close(new Date(Date.now() + 1), signal), 0);
  const report = await verifyLedger({ reader, journal }, signal);
  assert.deepEqual(
    [report.reconciled, report.signedNotRecorded, report.notSigned, report.intentsOpen],
    [true, 5, 20, 0],
  );
  await writer.recordIntents([madeLeaf(authorityKeyId).intent], signal);
  assert.equal(await closer.close(new Date(Date.now() + 1), signal), 1);
});

test("T7: a signature that the ledger does not know, and rows removed from the ledger, are found", async () => {
  const { writer, reader, journal, leaves, file } = await openScene();
  journal.add(...leaves);
  await writer.recordOutcomes(
    leaves.map(({ issued }) => issued),
    signal,
  );
  assert.equal((await verifyLedger({ reader, journal }, signal)).reconciled, true);
  journal.add(madeLeaf(authorityKeyId));
  const unknown = await verifyLedger({ reader, journal }, signal);
  assert.equal(unknown.reconciled, false);
  assert.match(unknown.differences.join(), /journal line 30 .* has no intent/);

  const intruder = new DatabaseSync(file);
  intruder.exec("DROP TRIGGER entries_last; DELETE FROM entries WHERE log_index = 7");
  intruder.close();
  const removed = await verifyLedger({ reader, journal }, signal);
  assert.equal(removed.reconciled, false);
  assert.match(removed.differences.join(), /log entries 7 to 7 are missing/);
});

test("T7: a serial number that one authority announced twice is found, however long ago", async () => {
  const { writer, reader, journal, leaves, file } = await openScene();
  journal.add(...leaves);
  await writer.recordOutcomes(
    leaves.map(({ issued }) => issued),
    signal,
  );
  const intruder = new DatabaseSync(file);
  intruder.exec(`
    DROP TRIGGER intents_stay;
    UPDATE intents SET serial = (SELECT serial FROM intents WHERE id = 1) WHERE id = 30`);
  intruder.close();
  const { reconciled, differences } = await verifyLedger({ reader, journal }, signal);
  assert.equal(reconciled, false);
  assert.match(differences.join(), new RegExp(`serial ${leaves[0]?.intent.serial} was announced 2 times`));
});
