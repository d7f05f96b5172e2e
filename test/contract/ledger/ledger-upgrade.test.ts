import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { intentPages } from "../../../src/control/ledger/intent-pages.ts";
import type { RecordedIntent } from "../../../src/control/ledger/ledger-reader.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();
const oldTables = readFileSync(new URL("./version-1.sql", import.meta.url), "utf8");

function oldLedger(change = ""): string {
  const file = temporaryLedgerFile();
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  database.exec(oldTables + change);
  database.close();
  return file;
}

test("a ledger of version 1 is upgraded in place, keeps what it recorded and goes on", async () => {
  const file = oldLedger();
  const old = new DatabaseSync(file);
  const before = old
    .prepare("SELECT lower(hex(serial)) AS serial, lower(hex(tbs_sha256)) AS tbs FROM intents")
    .all();
  old.close();
  const { reader, writer } = await openLedgerAt(file);
  const upTo = await reader.counts(signal);
  assert.deepEqual(upTo, {
    intents: 9,
    entries: 9,
    certificates: 5,
    "not-signed": 1,
    "self-check-failed": 1,
    "signed-not-recorded": 1,
  });
  const intents: RecordedIntent[] = [];
  const range = { after: 0, upTo, openOnly: false };
  for await (const page of intentPages(reader, range, signal)) intents.push(...page);
  assert.deepEqual(
    intents.map(({ serial, tbsSha256 }) => ({ serial, tbs: tbsSha256 })),
    before.map((row) => ({ ...row })),
  );
  assert.equal(intents.at(-1)?.outcome, "open");
  assert.deepEqual((await reader.checkEntries({ from: 0, upTo }, signal)).flaws, []);
  const leaf = await reader.findLeaf(intents[1]?.serial ?? "", signal);
  assert.equal(leaf?.spiffeId, "spiffe://mesh.example/s1");

  const next = madeLeaf(authorityKeyId);
  await writer.recordIntents([next.intent], signal);
  await writer.recordOutcomes([next.issued], signal);
  const { serial, authorityKeyId: authority } = intents[8]!;
  const reason = "left open by the old program";
  await writer.recordOutcomes(
    [{ kind: "closed", serial, authorityKeyId: authority, as: "not-signed", reason }],
    signal,
  );
  assert.equal((await reader.counts(signal)).entries, 11);
});

test("an upgrade that fails leaves the old ledger as it was", async () => {
  const file = oldLedger("DROP TRIGGER entries_stay; UPDATE entries SET body = x'00' WHERE intent IS NULL;");
  // The triggers are put back, as the old program would have them.
  const damaged = new DatabaseSync(file);
  damaged.exec("CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'no'); END");
  damaged.close();
  await assert.rejects(openLedgerAt(file), { code: "LEDGER_FAILED" });
  const after = new DatabaseSync(file);
  assert.equal(after.prepare("PRAGMA user_version").get()?.user_version, 1);
  assert.equal(after.prepare("SELECT count(*) AS n FROM entries").get()?.n, 9);
  after.close();
});

test("a ledger of a newer program is refused", async () => {
  const file = temporaryLedgerFile();
  const newer = new DatabaseSync(file);
  newer.exec("PRAGMA user_version = 999");
  newer.close();
  await assert.rejects(openLedgerAt(file), /run the newer meshmint/);
});
