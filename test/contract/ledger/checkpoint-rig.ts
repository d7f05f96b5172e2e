import assert from "node:assert/strict";
import type { AgentEvent } from "../../../src/agent/agent-event.ts";
import { CheckpointWatch, type LedgerLink } from "../../../src/agent/ledger/checkpoint-watch.ts";
import type { Ledger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { verifyEd25519 } from "../../../src/backends/ledger-files/verify-ed25519.ts";
import { CheckpointFile } from "../../../src/backends/state-dir/checkpoint-file.ts";
import { CheckpointDesk, type LedgerDiverged } from "../../../src/control/ledger/checkpoint-desk.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { systemRandom } from "../../../src/foundation/random.ts";

const { signal } = new AbortController();
const agent = "spiffe://mesh.example/meshmint/agent/join_token/n1" as SpiffeId;

export async function grow({ writer, log, reader }: Ledger, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await writer.recordEvent({ kind: "test", actor: "a", at: new Date(), detail: { index } }, signal);
  }
  const { entries } = await reader.counts(signal);
  const began = Date.now();
  while ((await log.head(signal)).size < entries) assert.ok(Date.now() - began < 20_000);
}

/** An agent's watch over a real ledger, whose folder outlives it. */
export function watchOver(link: LedgerLink, folder: string) {
  const events: AgentEvent[] = [];
  const watch = new CheckpointWatch({
    link,
    store: new CheckpointFile(folder),
    verify: verifyEd25519,
    observer: { saw: (event) => void events.push(event) },
    random: systemRandom,
    everyMs: 60_000,
  });
  return { watch, events };
}

export function deskOf({ log, writer }: Ledger) {
  const seen: LedgerDiverged[] = [];
  const onDiverged = (one: LedgerDiverged) => void seen.push(one);
  const desk = new CheckpointDesk({ log, ledger: writer, clock: systemClock, onDiverged });
  const link: LedgerLink = { observeLedger: (held, until) => desk.advance(agent, held, until) };
  return { link, seen };
}

export const diverged = (events: readonly AgentEvent[]) =>
  events.flatMap((event) => (event.kind === "ledger-diverged" ? [event.reason] : []));
