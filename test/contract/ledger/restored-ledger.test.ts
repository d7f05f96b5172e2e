/** A ledger that was put back from a backup, and agents that know what came after: they give it up on an operator's word alone. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished, test } from "vitest";
import { giveWord } from "../../../src/backends/state-dir/checkpoint-file.ts";
import { parseCheckpoint } from "../../../src/domain/ledger/checkpoint.ts";
import { openFor } from "./archive-rig.ts";
import { deskOf, diverged, grow, watchOver } from "./checkpoint-rig.ts";
import { openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();

/** An agent that holds 50 entries, of which the restored ledger has 20 and then 40 others. */
async function restoredScene() {
  const file = temporaryLedgerFile();
  const first = await openFor(file);
  await grow(first, 20);
  const { size, root } = await first.log.head(signal);
  await first.close();
  const copy = mkdtempSync(join(tmpdir(), "meshmint-restored-"));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  cpSync(dirname(file), copy, { recursive: true });
  const lost = await openFor(file);
  await grow(lost, 30);
  const folder = mkdtempSync(join(tmpdir(), "meshmint-agent-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const before = watchOver(deskOf(lost).link, folder);
  await before.watch.open();
  await before.watch.look(signal);
  assert.deepEqual(before.events, [{ kind: "checkpoint-held", size: 50 }]);
  await lost.close();
  const restored = await openLedgerAt(join(copy, "ledger.db"));
  await grow(restored, 40);
  const desk = deskOf(restored);
  const { watch, events } = watchOver(desk.link, folder);
  await watch.open();
  await watch.look(signal);
  assert.equal(diverged(events).length, 1);
  const heldSize = () => {
    const { note } = JSON.parse(readFileSync(join(folder, "ledger-checkpoint.json"), "utf8")) as {
      note: string;
    };
    const checkpoint = parseCheckpoint(note);
    return checkpoint.ok ? checkpoint.value.size : -1;
  };
  assert.equal(heldSize(), 50, "nothing is given up without a word");
  events.length = 0;
  return { restored, desk, folder, watch, events, heldSize, tree: { size, root: hex(root) } };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("T11: on an operator's word an agent goes on with the restored ledger, and keeps what it held as evidence", async () => {
  const { restored, folder, watch, events, heldSize, tree } = await restoredScene();
  const lostNote = JSON.parse(readFileSync(join(folder, "ledger-checkpoint.json"), "utf8")) as object;
  await giveWord(folder, tree);
  await watch.look(signal);
  assert.equal(events.length, 1);
  const [taken] = events;
  assert.ok(taken?.kind === "ledger-restored");
  assert.deepEqual([taken.gaveUp, taken.restored], [50, 20]);
  const evidence = JSON.parse(readFileSync(join(folder, "ledger-evidence.jsonl"), "utf8"));
  assert.deepEqual([evidence.held, evidence.word], [lostNote, tree]);
  assert.ok(!existsSync(join(folder, "ledger-restored.json")), "a word counts once");
  const { found } = await restored.log.search({ kind: "ledger.diverged", from: 0, limit: 10 }, signal);
  const recorded = found.map(({ entry }) => Buffer.from(entry).toString("latin1")).join("\n");
  assert.match(
    recorded,
    /has given up a checkpoint of 50 entries, root [0-9a-f]{64}, for the ledger restored at 20/,
  );
  await grow(restored, 5);
  events.length = 0;
  await watch.look(signal);
  assert.deepEqual(events, [{ kind: "checkpoint-held", size: heldSize() }]);
});

const wrong = [
  {
    what: "another root",
    word: (tree: { size: number; root: string }) => ({ ...tree, root: "ab".repeat(32) }),
    says: /entries do not continue the 20 that were named/,
  },
  {
    what: "a tree that is no smaller than what is held",
    word: (tree: { size: number; root: string }) => ({ ...tree, size: 50 }),
    says: /a restore to 50 entries does not explain why the 50 that are held were changed/,
  },
];
test("T11: a word that does not explain what happened changes nothing", async () => {
  for (const { what, word, says } of wrong) {
    const { folder, watch, events, heldSize, tree } = await restoredScene();
    await giveWord(folder, word(tree));
    await watch.look(signal);
    const said = events.map((event) => ("reason" in event ? event.reason : event.kind)).join("\n");
    assert.match(said, says, what);
    assert.equal(heldSize(), 50, what);
    assert.ok(!existsSync(join(folder, "ledger-evidence.jsonl")));
  }
  for (const word of [
    { size: 0, root: "ab".repeat(32) },
    { size: 5, root: "ab" },
  ]) {
    await assert.rejects(giveWord(tmpdir(), word), { code: "INVALID_ARGUMENT" });
  }
});

test("T11: a word that is given where nothing diverges is put aside, and is not there for a later divergence", async () => {
  const ledger = await openLedgerAt();
  const folder = dirname(temporaryLedgerFile());
  await grow(ledger, 20);
  const { watch, events } = watchOver(deskOf(ledger).link, folder);
  await watch.open();
  await watch.look(signal);
  await giveWord(folder, { size: 10, root: "ab".repeat(32) });
  await watch.look(signal);
  assert.match(events.map((event) => ("reason" in event ? event.reason : "")).join(), /put aside/);
  assert.ok(!existsSync(join(folder, "ledger-restored.json")));
});
