import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "vitest";
import type { AgentEvent } from "../../../src/agent/agent-event.ts";
import { CheckpointWatch, type LedgerLink } from "../../../src/agent/ledger/checkpoint-watch.ts";
import type { Ledger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { verifyEd25519 } from "../../../src/backends/ledger-files/verify-ed25519.ts";
import { CheckpointFile } from "../../../src/backends/state-dir/checkpoint-file.ts";
import { CheckpointDesk, type LedgerDiverged } from "../../../src/control/ledger/checkpoint-desk.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { systemRandom } from "../../../src/foundation/random.ts";
import { openLedgerAt, temporaryLedgerFile } from "./temporary-ledger.ts";

const { signal } = new AbortController();
const agent = "spiffe://mesh.example/meshmint/agent/join_token/n1" as SpiffeId;

async function grow({ writer, log, reader }: Ledger, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await writer.recordEvent({ kind: "test", actor: "a", at: new Date(), detail: { index } }, signal);
  }
  const { entries } = await reader.counts(signal);
  const began = Date.now();
  while ((await log.head(signal)).size < entries) assert.ok(Date.now() - began < 20_000);
}

/** An agent's watch over a real ledger, whose folder outlives it. */
function watchOver(link: LedgerLink, folder: string) {
  const events: AgentEvent[] = [];
  const watch = new CheckpointWatch({
    link,
    store: new CheckpointFile(join(folder, "ledger-checkpoint.json")),
    verify: verifyEd25519,
    observer: { saw: (event) => void events.push(event) },
    random: systemRandom,
    everyMs: 60_000,
  });
  return { watch, events };
}

function deskOf({ log, writer }: Ledger) {
  const seen: LedgerDiverged[] = [];
  const onDiverged = (one: LedgerDiverged) => void seen.push(one);
  const desk = new CheckpointDesk({ log, ledger: writer, clock: systemClock, onDiverged });
  const link: LedgerLink = { observeLedger: (held, until) => desk.advance(agent, held, until) };
  return { link, seen };
}

const diverged = (events: readonly AgentEvent[]) =>
  events.flatMap((event) => (event.kind === "ledger-diverged" ? [event.reason] : []));

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
