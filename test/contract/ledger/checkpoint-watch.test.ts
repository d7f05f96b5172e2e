import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "vitest";
import type { LedgerLink } from "../../../src/agent/ledger/checkpoint-watch.ts";
import { deskOf, diverged, grow, watchOver } from "./checkpoint-rig.ts";
import { openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();

test("T8: an agent follows a ledger that grows, over its own restarts", async () => {
  const ledger = await openLedgerAt();
  const { link, seen } = deskOf(ledger);
  const folder = dirname(temporaryLedgerFile());
  const first = watchOver(link, folder);
  await first.watch.open();
  await first.watch.look(signal);
  assert.deepEqual(first.events, [], "an empty ledger has no checkpoint");
  await grow(ledger, 5);
  await first.watch.look(signal);
  await first.watch.look(signal);
  assert.deepEqual(first.events, [{ kind: "checkpoint-held", size: 5 }]);
  await grow(ledger, 300);
  const second = watchOver(link, folder);
  await second.watch.open();
  await second.watch.look(signal);
  assert.deepEqual(second.events, [{ kind: "checkpoint-held", size: 305 }]);
  assert.deepEqual(seen, []);
});

test("T8: another ledger in its place is told by both sides, recorded once, and never held", async () => {
  const folder = dirname(temporaryLedgerFile());
  const right = await openLedgerAt();
  const held = watchOver(deskOf(right).link, folder);
  await grow(right, 20);
  await held.watch.open();
  await held.watch.look(signal);

  const other = await openLedgerAt();
  await grow(other, 30);
  const { link, seen } = deskOf(other);
  const watched = watchOver(link, folder);
  await watched.watch.open();
  await watched.watch.look(signal);
  await watched.watch.look(signal);
  assert.deepEqual(diverged(watched.events), ["the ledger's checkpoints are signed by another key"]);
  assert.match(seen.map(({ reason }) => reason).join("\n"), /it holds another root for the first 20 entries/);
  assert.match(seen.map(({ reason }) => reason).join("\n"), /the agent says: .* another key/);
  const { found } = await other.log.search({ kind: "ledger.diverged", from: 0, limit: 10 }, signal);
  assert.ok(found.length >= 1 && found.length <= 2, `${found.length} recorded`);

  const back = watchOver(deskOf(right).link, folder);
  await back.watch.open();
  await grow(right, 1);
  await back.watch.look(signal);
  assert.deepEqual(back.events, [{ kind: "checkpoint-held", size: 21 }], "the one held has stayed");
});

test("T8: a shorter ledger, a forged note and a proof with one bit changed are refused", async () => {
  const ledger = await openLedgerAt();
  const { link } = deskOf(ledger);
  const folder = dirname(temporaryLedgerFile());
  await grow(ledger, 10);
  const early = await ledger.log.head(signal);
  await grow(ledger, 7);
  const { watch } = watchOver(link, folder);
  await watch.open();
  await watch.look(signal);
  await grow(ledger, 9);
  const harms: Record<string, (answer: Awaited<ReturnType<LedgerLink["observeLedger"]>>) => typeof answer> = {
    "the ledger has 10 entries, but had 17": (answer) => ({ ...answer, note: early.note, proof: [] }),
    "a checkpoint that cannot be trusted": (answer) => ({
      ...answer,
      note: answer.note.replace("\n26\n", "\n27\n"),
    }),
    "does not continue that of 17": (answer) => ({
      ...answer,
      proof: answer.proof.map((hash, at) => (at === 0 ? hash.map((byte) => byte ^ 1) : hash)),
    }),
    "shows no checkpoint any more": () => ({ note: "", verifierKey: "", proof: [] }),
  };
  for (const [reason, harm] of Object.entries(harms)) {
    const lying: LedgerLink = {
      observeLedger: async (held, until) => harm(await link.observeLedger({ ...held, finding: "" }, until)),
    };
    const lied = watchOver(lying, folder);
    await lied.watch.open();
    await lied.watch.look(signal);
    assert.match(diverged(lied.events).join(), new RegExp(reason));
  }
  const honest = watchOver(link, folder);
  await honest.watch.open();
  await honest.watch.look(signal);
  assert.deepEqual(honest.events, [{ kind: "checkpoint-held", size: 26 }]);
});
