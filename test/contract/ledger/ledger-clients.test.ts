import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { needs, part } from "../../parts/parts.ts";
import { raiseAdmin } from "../admin/admin-rig.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();
const test = needs("go clients");

type Rig = Awaited<ReturnType<typeof raiseAdmin>>;

async function record({ ledger }: Rig, count: number) {
  const leaves = Array.from({ length: count }, () => madeLeaf(authorityKeyId));
  await ledger.writer.recordIntents(
    leaves.map(({ intent }) => intent),
    signal,
  );
  await ledger.writer.recordOutcomes(
    leaves.map(({ issued }) => issued),
    signal,
  );
  const { entries } = await ledger.reader.counts(signal);
  const began = Date.now();
  while ((await ledger.log.head(signal)).size < entries) assert.ok(Date.now() - began < 20_000);
  return leaves;
}

/** Go's packages alone: what they say, or that they refuse. */
function check(what: string, where: string, input = ""): string | undefined {
  const program = join(part("go clients"), "ledger-check");
  const { status, stdout, stderr } = spawnSync(program, [what, where], { input, encoding: "utf8" });
  assert.notEqual(status, 2, stderr);
  return status === 0 ? stdout.trim() : undefined;
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test("T5: Go's tlog and note verify an exported ledger, and refuse it with any file changed by one bit", async () => {
  const rig = await raiseAdmin();
  await record(rig, 700);
  const folder = dirname(temporaryLedgerFile());
  const exported = await rig.cli("ledger", "export", "--to", folder);
  assert.equal(exported.exitCode, 0, JSON.stringify(exported.error));
  assert.match(check("folder", folder) ?? "", /^ok 700 /);
  assert.deepEqual(
    filesIn(folder)
      .map((file) => file.slice(folder.length + 1))
      .toSorted(),
    [
      "checkpoint",
      "ledger.vkey",
      "tile/0/000",
      "tile/0/001",
      "tile/0/002.p/188",
      "tile/1/000.p/2",
      "tile/entries/000",
      "tile/entries/001",
      "tile/entries/002.p/188",
    ],
  );
  for (const file of filesIn(folder)) {
    const bytes = readFileSync(file);
    const changed = Buffer.from(bytes);
    changed[Math.floor(bytes.length / 2)]! ^= 1;
    writeFileSync(file, changed);
    assert.equal(check("folder", folder), undefined, `${file} was changed`);
    writeFileSync(file, bytes);
  }
  assert.match(check("folder", folder) ?? "", /^ok 700 /);
});

test("T2, T3: Go's tlog verifies our proofs, and refuses them with anything changed", async () => {
  const rig = await raiseAdmin();
  const leaves = await record(rig, 300);
  const old = await rig.ledger.log.head(signal);
  await record(rig, 33);
  const { reply: included } = await rig.cli("ledger", "prove", "--serial", leaves[77]!.intent.serial);
  assert.equal(included.index, 77);
  const vkey = included.verifierKey;
  assert.equal(check("inclusion", vkey, JSON.stringify(included)), "ok 77 of 333");
  const { reply: consistent } = await rig.cli("ledger", "prove", "--old-size", "300");
  assert.equal(check("consistency", vkey, JSON.stringify(consistent)), "ok 300 to 333");
  assert.equal(consistent.oldRoot, Buffer.from(old.root).toString("base64"));

  const refuses = (what: string, proof: object) =>
    assert.equal(check(what, vkey, JSON.stringify(proof)), undefined);
  refuses("inclusion", { ...included, index: 78 });
  refuses("inclusion", { ...included, hashes: included.hashes.slice(1) });
  refuses("inclusion", { ...included, entry: Buffer.from("another").toString("base64") });
  refuses("inclusion", { ...included, checkpoint: included.checkpoint.replace("\n333\n", "\n334\n") });
  refuses("consistency", { ...consistent, oldSize: 301 });
  refuses("consistency", { ...consistent, oldRoot: Buffer.alloc(32).toString("base64") });
  refuses("consistency", { ...consistent, hashes: consistent.hashes.toReversed() });
});

test("a file is verified, searched, proved and exported without its server, and while it runs", async () => {
  const rig = await raiseAdmin();
  const leaves = await record(rig, 30);
  const file = rig.ledgerFile;
  const found = await rig.cli("ledger", "search", "--serial", leaves[3]!.intent.serial, "--database", file);
  assert.deepEqual(
    found.reply.found.map((entry: { logIndex: number }) => entry.logIndex),
    [3],
  );
  const viaServer = await rig.cli("ledger", "search", "--serial", leaves[3]!.intent.serial);
  assert.deepEqual(viaServer.reply, found.reply);
  const verified = await rig.cli("ledger", "verify", "--database", file);
  assert.deepEqual([verified.exitCode, verified.reply.sound, verified.reply.certificates], [0, true, 30]);
  const proved = await rig.cli("ledger", "prove", "--index", "29", "--database", file);
  assert.equal(check("inclusion", proved.reply.verifierKey, JSON.stringify(proved.reply)), "ok 29 of 30");
  const folder = dirname(temporaryLedgerFile());
  await rig.cli("ledger", "export", "--to", folder, "--database", file);
  assert.match(check("folder", folder) ?? "", /^ok 30 /);
  assert.equal((await rig.cli("ledger", "prove", "--index", "30")).error.code, "INVALID_ARGUMENT");
  assert.equal((await rig.cli("ledger", "prove", "--serial", "0102")).error.code, "NOT_FOUND");
  assert.equal((await rig.cli("ledger", "verify", "--database", `${file}.none`)).error.code, "NOT_FOUND");
  assert.equal((await rig.cli("ledger", "search", "--limit", "x")).error.code, "CONFIG_INVALID");
});
