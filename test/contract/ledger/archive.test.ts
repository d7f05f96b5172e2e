/** Old rows move to archive tiles: whatever is asked of the ledger has the same answer, and what happens to a tile shows. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished, test } from "vitest";
import { exportLog } from "../../../src/backends/ledger-files/export-log.ts";
import type { Ledger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { openLedgerFile } from "../../../src/backends/ledger-files/open-ledger-file.ts";
import { verifyLedger } from "../../../src/control/ledger/verify-ledger.ts";
import { leafHash } from "../../../src/domain/ledger/merkle-hash.ts";
import { verifyConsistency, verifyInclusion } from "../../../src/domain/ledger/merkle-verify.ts";
import {
  archive,
  contentOf,
  flawsOf,
  type Leaf,
  openFor,
  recordOld,
  rowsIn,
  settledHead,
} from "./archive-rig.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();

const journalOf = (leaves: readonly Leaf[]) => ({
  async *readJournal() {
    for (const [at, { intent }] of leaves.entries()) {
      if (at % 100 === 99) continue; // those that were closed as not signed
      yield { sequence: BigInt(at), keyId: intent.authorityKeyId, tbsSha256: intent.tbsSha256 };
    }
  },
});

async function exportOf({ log }: Pick<Ledger, "log">): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-export-"));
  await exportLog(log, { folder, onProgress: () => undefined }, signal);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const content = files.map((each) => join(each.parentPath, each.name)).toSorted();
  const read = Object.fromEntries(
    content.map((path) => [path.slice(folder.length), readFileSync(path, "hex")]),
  );
  rmSync(folder, { recursive: true });
  return read;
}

/** A ledger of two archived tiles and some rows, and a copy of its folder for each who wants to damage it. */
async function archivedLedger() {
  const file = temporaryLedgerFile();
  const ledger = await openFor(file);
  const leaves = await recordOld(ledger, 9000);
  await settledHead(ledger);
  await archive(ledger, 2);
  await ledger.close();
  return { file, leaves };
}

test("T9: nothing is archived before its time, nor a tile that holds one younger entry", async () => {
  const file = temporaryLedgerFile();
  const ledger = await openLedgerAt(file);
  await recordOld(ledger, 4000);
  const late = madeLeaf(authorityKeyId);
  await ledger.writer.recordIntents([late.intent], signal);
  await ledger.writer.recordOutcomes([late.issued], signal);
  await recordOld(ledger, 200);
  await settledHead(ledger);
  assert.deepEqual(await archive(ledger, 0.9), { entries: 0, intents: 0, hasRows: false, tiles: 0 });
  assert.deepEqual(await archive(ledger, 2), { entries: 0, intents: 0, hasRows: false, tiles: 0 });
  const years = (Date.now() - Date.parse("2026-03-01")) / 3_600_000 + 3;
  assert.deepEqual(await archive(ledger, years), { entries: 4096, intents: 0, hasRows: false, tiles: 1 });
});

test("T9: answers are the same before and after, from entries, intents and serials in tiles", async () => {
  const file = temporaryLedgerFile();
  const ledger = await openFor(file);
  const leaves = await recordOld(ledger, 70_000);
  const head = await settledHead(ledger);
  const before = { content: await contentOf(ledger), files: await exportOf(ledger) };
  const run = await archive(ledger, 2);
  assert.deepEqual(run, { entries: 69_632, intents: 65_536, hasRows: false, tiles: 33 });
  assert.deepEqual(rowsIn(file), {
    entries: 70_070 - 69_632,
    intents: 70_000 - 65_536,
    ends: 70_000 - 65_536,
  });
  const answers = async (now: Pick<Ledger, "reader" | "log">) => {
    assert.equal(await contentOf(now), before.content);
    assert.deepEqual(await flawsOf(now), []);
    const report = await verifyLedger({ reader: now.reader, journal: journalOf(leaves) }, signal);
    assert.deepEqual([report.reconciled, report.differences], [true, []]);
    assert.deepEqual([report.intents, report.certificates, report.notSigned], [70_000, 69_300, 700]);
    for (const at of [0, 4095, 4096, 65_535, 65_536, 69_998]) {
      const { serial, spiffeId } = leaves[at]!.intent;
      assert.equal((await now.reader.findLeaf(serial, signal))?.spiffeId, spiffeId, `leaf ${at}`);
      const page = await now.log.search({ serial, from: 0, limit: 1 }, signal);
      const { logIndex, entry } = page.found[0]!;
      const proof = await now.log.inclusion({ index: logIndex, size: head.size }, signal);
      assert.ok(verifyInclusion({ index: logIndex, leaf: leafHash(entry) }, head, proof));
    }
    const events = [];
    for (let from: number | undefined = 0; from !== undefined; ) {
      const page: Awaited<ReturnType<typeof now.log.search>> = await now.log.search(
        { kind: "test.page", from, limit: 9 },
        signal,
      );
      events.push(...page.found);
      from = page.next;
    }
    assert.deepEqual(
      events.map(({ logIndex }) => logIndex),
      Array.from({ length: 70 }, (_, at) => at * 1001 + 1000),
    );
    const { proof, oldRoot } = await now.log.consistency({ old: 5000, size: head.size }, signal);
    assert.ok(verifyConsistency({ size: 5000, root: oldRoot }, head, proof));
    const asked = { authorityKeyId, notBefore: new Date(0) };
    let [count, next] = [0, undefined as { intent: number } | undefined];
    do {
      const page = await now.reader.leaves({ ...asked, from: next }, signal);
      count += page.leaves.length;
      next = page.next;
    } while (next);
    assert.equal(count, 69_300);
  };
  await answers(ledger);
  assert.deepEqual(await exportOf(ledger), before.files);
  await ledger.close();
  const copy = openLedgerFile(file);
  await answers(copy);
  copy.close();

  const damaged = mkdtempSync(join(tmpdir(), "meshmint-damaged-"));
  onTestFinished(() => rmSync(damaged, { recursive: true, force: true }));
  cpSync(dirname(file), damaged, { recursive: true });
  rmSync(join(damaged, "ledger-archive/intents-00000007"));
  const without = openLedgerFile(join(damaged, "ledger.db"));
  const report = await verifyLedger({ reader: without.reader, journal: journalOf(leaves) }, signal);
  without.close();
  assert.equal(report.reconciled, false);
  const missing = /archive tile ledger-archive\/intents-00000007 is missing/;
  assert.equal(report.differences.filter((line) => missing.test(line)).length, 3); // entries, serials, journal
  assert.match(report.differences[0]!, /^not reconciled with the journal/);

  const again = await openLedgerAt(file);
  const { intent } = leaves[69_999]!;
  await assert.rejects(again.writer.recordIntents([intent], signal), /is taken/);
  const intruder = new DatabaseSync(file);
  intruder.exec("DROP TRIGGER intents_stay");
  const forge = intruder.prepare("UPDATE intents SET serial = ? WHERE id = 69999");
  forge.run(Buffer.from(leaves[3]!.intent.serial, "hex"));
  intruder.close();
  const repeated = `serial ${leaves[3]!.intent.serial} was announced 2 times by one authority`;
  assert.ok((await flawsOf(again)).includes(repeated));
}, 120_000);

test("T9: the room of archived rows is used again: the database does not grow", async () => {
  const file = temporaryLedgerFile();
  const ledger = await openLedgerAt(file);
  await recordOld(ledger, 9000);
  await settledHead(ledger);
  await archive(ledger, 2);
  const pages = () => {
    const database = new DatabaseSync(file, { readOnly: true });
    const count = Number(database.prepare("PRAGMA page_count").get()?.page_count);
    database.close();
    return count;
  };
  const before = pages();
  await recordOld(ledger, 8100);
  await settledHead(ledger);
  // Intents and serials stay until there are 65,536: they alone need new pages.
  assert.ok(pages() - before < before / 2, `${before} pages became ${pages()}`);
  const tile = join(dirname(file), "ledger-archive/entries-00000000");
  assert.equal(statSync(tile).mode & 0o777, 0o600);
});

const damages = [
  {
    what: "missing",
    damage: (tile: string) => rmSync(tile),
    says: /entries-00000001 is missing; put it back/,
  },
  {
    what: "changed",
    damage(tile: string) {
      const bytes = readFileSync(tile);
      bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000);
      writeFileSync(tile, bytes);
    },
    says: /entries-00000001 was changed: its SHA-256/,
  },
  {
    what: "cut off",
    damage: (tile: string) => writeFileSync(tile, readFileSync(tile).subarray(0, 9000)),
    says: /entries-00000001 was changed: its SHA-256/,
  },
];
test("T9: a tile that is missing, changed or cut off is named by verify and by prove; the rest is still verified", async () => {
  const { file, leaves } = await archivedLedger();
  for (const { what, damage, says } of damages) {
    const folder = mkdtempSync(join(tmpdir(), "meshmint-damaged-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    cpSync(dirname(file), folder, { recursive: true });
    const ledger = openLedgerFile(join(folder, "ledger.db"));
    assert.deepEqual(await flawsOf(ledger), [], what);
    damage(join(folder, "ledger-archive/entries-00000001"));
    const flaws = await flawsOf(ledger);
    assert.equal(flaws.length, 1, `${what}: ${flaws.join("; ")}`);
    assert.match(flaws[0]!, says);
    const other = openLedgerFile(join(folder, "ledger.db")); // the first one has the tile in memory
    await assert.rejects(other.log.entries({ from: 5000, upTo: 5001 }, signal), says);
    assert.equal((await other.log.entries({ from: 4000, upTo: 4001 }, signal)).length, 1);
    const report = await verifyLedger({ reader: other.reader, journal: journalOf(leaves) }, signal);
    assert.equal(report.reconciled, false);
    assert.match(report.differences.join(), says);
    ledger.close();
    other.close();
  }
});

test("T9: what is not what the tree says is never sealed", async () => {
  const file = temporaryLedgerFile();
  const ledger = await openLedgerAt(file);
  await recordOld(ledger, 5000);
  await settledHead(ledger);
  const intruder = new DatabaseSync(file);
  intruder.exec("DROP TRIGGER entries_stay; UPDATE entries SET body = x'00' WHERE log_index = 77");
  intruder.close();
  await assert.rejects(archive(ledger, 2), /log entry 77 is missing or was changed; nothing is archived/);
  assert.equal(rowsIn(file).entries, 5005);
});

test("T9: rows that no tile holds cannot be deleted, and the archive's claim is held against the tree", async () => {
  const { file } = await archivedLedger();
  const intruder = new DatabaseSync(file);
  for (const table of ["entries", "intents"]) {
    assert.throws(() => intruder.exec(`DELETE FROM ${table}`), /append-only/);
  }
  intruder.exec("UPDATE derived SET entries = 0");
  intruder.close();
  await assert.rejects(openFor(file), /8192 log entries are archived, but the tree has 0/);
});

test("a ledger of version 2 is upgraded in place, and can be read without that", async () => {
  const file = temporaryLedgerFile();
  const first = await openFor(file);
  await recordOld(first, 1000);
  await settledHead(first);
  const content = await contentOf(first);
  await first.close();
  const older = new DatabaseSync(file);
  older.exec(`
    DROP TABLE archives; DROP TRIGGER intents_last; DROP TRIGGER entries_last; DROP TABLE archived;
    CREATE TRIGGER intents_last BEFORE DELETE ON intents BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    PRAGMA user_version = 2`);
  older.close();
  const read = openLedgerFile(file);
  assert.equal(await contentOf(read), content);
  assert.deepEqual(await flawsOf(read), []);
  read.close();
  const upgraded = await openLedgerAt(file);
  assert.equal(await contentOf(upgraded), content);
  await recordOld(upgraded, 4000);
  await settledHead(upgraded);
  assert.equal((await archive(upgraded, 2)).tiles, 1);
  assert.deepEqual(await flawsOf(upgraded), []);
});
