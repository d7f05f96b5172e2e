import assert from "node:assert/strict";
import { rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { type Ledger, openLedger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { verifyEd25519 } from "../../../src/backends/ledger-files/verify-ed25519.ts";
import { openCheckpoint } from "../../../src/domain/ledger/checkpoint.ts";
import { readLogEntry } from "../../../src/domain/ledger/log-entry.ts";
import { leafHash } from "../../../src/domain/ledger/merkle-hash.ts";
import { verifyConsistency, verifyInclusion } from "../../../src/domain/ledger/merkle-verify.ts";
import { parseVerifierKey } from "../../../src/domain/ledger/signed-note.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, ledgerWorker, openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();

async function record(ledger: Ledger, count: number) {
  const leaves = Array.from({ length: count }, (_, index) =>
    madeLeaf(authorityKeyId, {
      spiffeId: `spiffe://mesh.example/s${index % 7}`,
      entryId: `entry-${index % 7}`,
    }),
  );
  await ledger.writer.recordIntents(
    leaves.map(({ intent }) => intent),
    signal,
  );
  await ledger.writer.recordOutcomes(
    leaves.map(({ issued }) => issued),
    signal,
  );
  return leaves;
}

async function headOf(ledger: Ledger, size: number) {
  const began = Date.now();
  for (;;) {
    const head = await ledger.log.head(signal);
    if (head.size >= size) return head;
    assert.ok(Date.now() - began < 20_000, `no checkpoint of ${size} entries`);
  }
}

test("T6: a checkpoint follows what is recorded, verifies with the log's key, and its proofs verify", async () => {
  const file = temporaryLedgerFile();
  const ledger = await openLedgerAt(file);
  assert.equal((await ledger.log.head(signal)).note, "");
  const [first] = await record(ledger, 300);
  const old = await headOf(ledger, 300);
  await ledger.writer.recordEvent(
    { kind: "test.done", actor: "a", at: new Date(7), detail: { b: 1, a: 2 } },
    signal,
  );
  await record(ledger, 500);
  const head = await headOf(ledger, 801);
  assert.equal(statSync(join(dirname(file), "ledger-checkpoint.key")).mode & 0o777, 0o600);

  const key = parseVerifierKey(head.verifierKey);
  assert.ok(key.ok);
  for (const { note, size, root } of [old, head]) {
    const checkpoint = openCheckpoint(note, key.value, verifyEd25519);
    assert.deepEqual(checkpoint, { ok: true, value: { origin: "meshmint/ledger", size, root } });
  }
  const { proof, oldRoot } = await ledger.log.consistency({ old: 300, size: 801 }, signal);
  assert.deepEqual(Buffer.from(oldRoot), Buffer.from(old.root));
  assert.ok(verifyConsistency(old, head, proof));
  const entries = await ledger.log.entries({ from: 0, upTo: 801 }, signal);
  assert.equal(entries.length, 801);
  for (const index of [0, 255, 256, 300, 800]) {
    const inclusion = await ledger.log.inclusion({ index, size: 801 }, signal);
    assert.ok(verifyInclusion({ index, leaf: leafHash(entries[index]!) }, head, inclusion), `entry ${index}`);
  }
  const certificate = readLogEntry(entries[0]!);
  assert.ok(certificate.ok && certificate.value.type === "certificate");
  assert.ok(first?.issued.kind === "certificate");
  assert.deepEqual(Buffer.from(certificate.value.certificate), Buffer.from(first.issued.certificate));
  await assert.rejects(ledger.log.inclusion({ index: 801, size: 801 }, signal), { code: "INVALID_ARGUMENT" });
  await assert.rejects(ledger.log.consistency({ old: 1, size: 802 }, signal), { code: "INVALID_ARGUMENT" });
});

test("entries are found by serial, SPIFFE ID, entry, authority, kind and time, a page at a time", async () => {
  const ledger = await openLedgerAt();
  const leaves = await record(ledger, 50);
  const at = new Date();
  await ledger.writer.recordEvent({ kind: "agent.banned", actor: "unix:uid=0", at, detail: {} }, signal);
  const search = (wanted: object) => ledger.log.search({ from: 0, limit: 100, ...wanted }, signal);
  const indexes = async (wanted: object) => (await search(wanted)).found.map(({ logIndex }) => logIndex);
  assert.deepEqual(await indexes({ serial: leaves[33]!.intent.serial }), [33]);
  assert.deepEqual(await indexes({ serial: madeLeaf(authorityKeyId).intent.serial }), []);
  assert.deepEqual(await indexes({ spiffeId: "spiffe://mesh.example/s3" }), [3, 10, 17, 24, 31, 38, 45]);
  assert.deepEqual(await indexes({ entryId: "entry-6", from: 20 }), [20, 27, 34, 41, 48]);
  assert.deepEqual(await indexes({ authorityKeyId: "00" }), []);
  assert.deepEqual(await indexes({ kind: "agent.banned" }), [50]);
  assert.deepEqual(await indexes({ kind: "not-signed" }), []);
  assert.deepEqual(await indexes({ until: new Date(at.getTime() - 3_600_000) }), []);
  assert.equal((await indexes({ since: new Date(at.getTime() - 3_600_000) })).length, 51);
  const page = await search({ authorityKeyId, limit: 20 });
  assert.equal(page.found.length, 20);
  assert.equal(page.next, 20);
});

async function closedLedger(): Promise<string> {
  const file = temporaryLedgerFile();
  const onFailure = (fault: Error) => {
    throw fault;
  };
  const ledger = await openLedger({ file, worker: ledgerWorker, clock: systemClock, onFailure });
  await record(ledger, 600);
  await ledger.close();
  return file;
}

const harms: Record<string, { readonly sql: string; readonly flaw: RegExp }> = {
  "a changed entry": {
    sql: "DROP TRIGGER entries_stay; UPDATE entries SET body = (SELECT body FROM entries WHERE log_index = 9) WHERE log_index = 8",
    flaw: /log entry 8: its certificate is not the one that was announced/,
  },
  "one changed letter of a SPIFFE ID": {
    sql: `DROP TRIGGER entries_stay;
      UPDATE entries SET body = CAST(substr(body, 1, 40) || x'41' || substr(body, 42) AS BLOB) WHERE log_index = 8`,
    flaw: /tile 0 of level 0 does not hold the hashes/,
  },
  "a changed tile": {
    sql: "UPDATE tiles SET hashes = zeroblob(8192) WHERE level = 1",
    flaw: /tile 0 of level 1/,
  },
  "a forged checkpoint": {
    sql: "UPDATE checkpoints SET note = replace(note, char(10) || '600' || char(10), char(10) || '599' || char(10))",
    flaw: /the checkpoint of 600 entries is not the log's/,
  },
  "a removed entry": {
    sql: "DROP TRIGGER entries_last; DELETE FROM entries WHERE log_index = 100",
    flaw: /log entries 100 to 100 are missing/,
  },
};

test.each(Object.keys(harms))("T7: %s behind our back is found", async (name) => {
  const file = await closedLedger();
  const intruder = new DatabaseSync(file);
  intruder.exec(harms[name]!.sql);
  intruder.close();
  const { reader } = await openLedgerAt(file);
  const upTo = await reader.counts(signal);
  const { flaws } = await reader.checkEntries({ from: 0, upTo }, signal);
  assert.match(flaws.join("\n"), harms[name]!.flaw);
});

test("T6: a log does not go on without its key or under another", async () => {
  const file = await closedLedger();
  const key = join(dirname(file), "ledger-checkpoint.key");
  rmSync(key);
  await assert.rejects(openLedgerAt(file), /is missing: put it back/);
  const other = temporaryLedgerFile();
  await (await openLedger({ file: other, worker: ledgerWorker, clock: systemClock, onFailure() {} })).close();
  const { copyFileSync } = await import("node:fs");
  copyFileSync(join(dirname(other), "ledger-checkpoint.key"), key);
  await assert.rejects(openLedgerAt(file), /but its log is of/);
});
