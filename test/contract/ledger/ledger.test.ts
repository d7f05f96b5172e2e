import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import type { Ledger } from "../../../src/backends/ledger-files/open-ledger.ts";
import type {
  LedgerReader,
  RecordedIntent,
  RecordedLeaf,
} from "../../../src/control/ledger/ledger-reader.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();

async function allIntents(reader: LedgerReader, openOnly = false): Promise<RecordedIntent[]> {
  const upTo = await reader.counts(signal);
  const all: RecordedIntent[] = [];
  for (;;) {
    const page = await reader.intents({ after: all.at(-1)?.id ?? 0, upTo, openOnly }, signal);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

async function assertSound(ledger: Ledger): Promise<void> {
  const upTo = await ledger.reader.counts(signal);
  let certificates = 0;
  for (let from = 0; from < upTo.entries; ) {
    const check = await ledger.reader.checkEntries({ from, upTo }, signal);
    assert.deepEqual(check.flaws, []);
    certificates += check.certificates;
    from = check.next;
  }
  assert.equal(certificates, upTo.certificates);
}

test("kill -9 in the middle of many writes: what was answered is there, the log index has no gap", async () => {
  const file = temporaryLedgerFile();
  const program = fileURLToPath(new URL("./endless-issuer.ts", import.meta.url));
  const child = spawn(process.execPath, [program, file, authorityKeyId], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const answered = { intent: new Set<string>(), certificate: new Set<string>() };
  for await (const line of createInterface({ input: child.stdout })) {
    const [kind, serial] = line.split(" ") as ["intent" | "certificate", string];
    answered[kind].add(serial);
    if (answered.certificate.size === 400) child.kill("SIGKILL");
  }
  if (child.signalCode === null) await once(child, "exit");

  const ledger = await openLedgerAt(file);
  await assertSound(ledger);
  const intents = await allIntents(ledger.reader);
  const bySerial = new Map(intents.map((intent) => [intent.serial, intent.outcome]));
  for (const serial of answered.intent) assert.ok(bySerial.has(serial));
  for (const serial of answered.certificate) assert.equal(bySerial.get(serial), "certificate");
  const open = await allIntents(ledger.reader, true);
  assert.ok(open.length <= 8, "at most one intent of each caller was under way");
  const counts = await ledger.reader.counts(signal);
  assert.equal(counts.intents, intents.length);
  assert.equal(counts.certificates + open.length, intents.length);
});

test("calls made together are committed together, and each after its own rows", async () => {
  const file = temporaryLedgerFile();
  const ledger = await openLedgerAt(file);
  const leaves = Array.from({ length: 500 }, () => madeLeaf(authorityKeyId));
  await Promise.all(leaves.map(({ intent }) => ledger.writer.recordIntents([intent], signal)));
  await Promise.all(leaves.map(({ issued }) => ledger.writer.recordOutcomes([issued], signal)));
  await assertSound(ledger);
  assert.equal((await ledger.reader.counts(signal)).certificates, 500);
});

test("a call that cannot be recorded fails alone", async () => {
  const ledger = await openLedgerAt();
  const [good, bad, late] = [madeLeaf(authorityKeyId), madeLeaf(authorityKeyId), madeLeaf(authorityKeyId)];
  await ledger.writer.recordIntents([bad.intent], signal);
  const outcomes = await Promise.allSettled([
    ledger.writer.recordIntents([good.intent], signal),
    ledger.writer.recordIntents([bad.intent, late.intent], signal),
    ledger.writer.recordEvent({ kind: "test", actor: "a", at: new Date(), detail: {} }, signal),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.equal((outcomes[1] as PromiseRejectedResult).reason.code, "LEDGER_FAILED");
  const serials = (await allIntents(ledger.reader)).map(({ serial }) => serial);
  assert.deepEqual(serials, [bad.intent.serial, good.intent.serial]);
  await assertSound(ledger);
});

test("an intent ends exactly once, and only if there is one", async () => {
  const ledger = await openLedgerAt();
  const { intent, issued, closed } = madeLeaf(authorityKeyId);
  await assert.rejects(ledger.writer.recordOutcomes([issued], signal), { code: "LEDGER_FAILED" });
  await ledger.writer.recordIntents([intent], signal);
  await ledger.writer.recordOutcomes([closed("not-signed")], signal);
  await assert.rejects(ledger.writer.recordOutcomes([issued], signal), { code: "LEDGER_FAILED" });
  await assert.rejects(ledger.writer.recordOutcomes([closed("not-signed")], signal), {
    code: "LEDGER_FAILED",
  });
  const event = { kind: "certificate", actor: "a", at: new Date(), detail: {} };
  await assert.rejects(ledger.writer.recordEvent(event, signal), { code: "LEDGER_FAILED" });
  const counts = await ledger.reader.counts(signal);
  assert.deepEqual([counts.intents, counts.entries, counts["not-signed"], counts.certificates], [1, 1, 1, 0]);
});

test("a serial may be used again under another authority only", async () => {
  const ledger = await openLedgerAt();
  const { intent } = madeLeaf(authorityKeyId);
  await ledger.writer.recordIntents([intent, { ...intent, authorityKeyId: "ab".repeat(20) }], signal);
  await assert.rejects(ledger.writer.recordIntents([intent], signal), { code: "LEDGER_FAILED" });
});

test("leaves of an authority that have not expired come in pages, only those with a certificate", async () => {
  const ledger = await openLedgerAt();
  const now = Date.now();
  const leafFor = (index: number) => madeLeaf(authorityKeyId, { notAfter: new Date(now + index * 1000) });
  const leaves = Array.from({ length: 4500 }, (_, index) => leafFor(index - 250));
  const foreign = madeLeaf("cd".repeat(20));
  const unsigned = madeLeaf(authorityKeyId);
  await ledger.writer.recordIntents(
    [...leaves, foreign, unsigned].map(({ intent }) => intent),
    signal,
  );
  await ledger.writer.recordOutcomes(
    [...leaves, foreign].map(({ issued }) => issued),
    signal,
  );
  const found: RecordedLeaf[] = [];
  const query = { authorityKeyId, notBefore: new Date(now) };
  let page = await ledger.reader.leaves(query, signal);
  while (page.next) {
    found.push(...page.leaves);
    page = await ledger.reader.leaves({ ...query, from: page.next }, signal);
  }
  assert.deepEqual(
    found.map(({ serial }) => serial),
    leaves.slice(250).map(({ intent }) => intent.serial),
  );
  const { tbsSha256, at, ...leaf } = leaves[300]!.intent;
  assert.deepEqual(await ledger.reader.findLeaf(leaf.serial, signal), { ...leaf, issuedAt: at });
  assert.equal(await ledger.reader.findLeaf(unsigned.intent.serial, signal), undefined);
});

test("what is recorded cannot be changed or removed, and a change behind our back is found", async () => {
  const file = temporaryLedgerFile();
  const ledger = await openLedgerAt(file);
  const leaf = madeLeaf(authorityKeyId);
  await ledger.writer.recordIntents([leaf.intent], signal);
  await ledger.writer.recordOutcomes([leaf.issued], signal);
  await ledger.writer.recordEvent({ kind: "test", actor: "a", at: new Date(), detail: {} }, signal);
  const intruder = new DatabaseSync(file);
  for (const act of [
    "UPDATE entries SET outcome = 1",
    "DELETE FROM entries",
    "UPDATE intents SET at = 1",
    "DELETE FROM intents",
  ]) {
    assert.throws(() => intruder.exec(act), /append-only/);
  }
  intruder.exec("DROP TRIGGER entries_stay; UPDATE entries SET body = zeroblob(10) WHERE log_index = 0");
  intruder.close();
  const upTo = await ledger.reader.counts(signal);
  const { flaws } = await ledger.reader.checkEntries({ from: 0, upTo }, signal);
  assert.match(flaws.join(), /log entry 0: /);
});

test("a ledger in use refuses a second opener", async () => {
  const file = temporaryLedgerFile();
  await openLedgerAt(file);
  await assert.rejects(openLedgerAt(file), { code: "STORE_IN_USE" });
});
