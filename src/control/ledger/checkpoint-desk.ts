import { sameBytes, toHex } from "../../domain/certificate/hex.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { parseCheckpoint } from "../../domain/ledger/checkpoint.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { LedgerLog } from "./ledger-log.ts";
import type { LedgerWriter } from "./ledger-writer.ts";

export type LedgerDiverged = {
  readonly agent: string;
  readonly reason: string;
  readonly isRecorded: boolean;
};

type Deps = {
  readonly log: Pick<LedgerLog, "head" | "consistency">;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly clock: Clock;
  readonly onDiverged: (seen: LedgerDiverged) => void;
};

type Held = { readonly note: string; readonly finding: string };

const longestReason = 300;
/** Different sentences of one agent that are recorded; further ones are counted alone. */
const mostReasons = 4;
/** Agents whose reports are remembered, so that one that repeats itself fills no log. */
const mostRemembered = 100_000;

/**
 * Answers agents that hold this ledger to its checkpoints: gives the newest with the proof that it continues theirs, and
 * records where it does not, as the server sees it or as the agent says.
 */
export class CheckpointDesk {
  readonly #deps: Deps;
  readonly #reported = new Map<string, Set<string>>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Rejects with LEDGER_FAILED. */
  async advance(agent: SpiffeId, held: Held, signal: AbortSignal) {
    const { log } = this.#deps;
    const { note, verifierKey, size } = await log.head(signal);
    const old = held.note === "" ? undefined : parseCheckpoint(held.note);
    if (held.finding !== "") await this.#diverged(agent, `the agent says: ${held.finding}`, signal);
    if (old === undefined) return { note, verifierKey, proof: [] };
    const flaw = await this.#flawOf(old, size, signal);
    if (flaw !== undefined) {
      await this.#diverged(agent, flaw, signal);
      return { note, verifierKey, proof: [] };
    }
    if (held.finding === "") this.#reported.delete(agent);
    const oldSize = old.ok ? old.value.size : 0;
    const { proof } = await log.consistency({ old: oldSize, size }, signal);
    return { note, verifierKey, proof };
  }

  async #flawOf(
    old: ReturnType<typeof parseCheckpoint>,
    size: number,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (!old.ok) return `it holds no checkpoint that can be read: ${old.error}`;
    // The root is evidence: after a restore nothing else is left of what was lost.
    const what = `${old.value.size} entries, root ${toHex(old.value.root)}`;
    if (old.value.size > size) return `it holds a checkpoint of ${what}: more than the ledger has`;
    const { oldRoot } = await this.#deps.log.consistency({ old: old.value.size, size }, signal);
    if (sameBytes(oldRoot, old.value.root)) return undefined;
    return `it holds another root for the first ${what}`;
  }

  async #diverged(agent: SpiffeId, sentence: string, signal: AbortSignal): Promise<void> {
    const reason = sentence.slice(0, longestReason);
    if (this.#reported.size >= mostRemembered) this.#reported.clear();
    const known = this.#reported.get(agent) ?? new Set();
    const isRecorded = !known.has(reason) && known.size < mostReasons;
    if (isRecorded) {
      const at = this.#deps.clock.now();
      const event = { kind: "ledger.diverged", actor: agent, at, detail: { reason } };
      await this.#deps.ledger.recordEvent(event, signal);
      this.#reported.set(agent, known.add(reason));
    }
    this.#deps.onDiverged({ agent, reason, isRecorded });
  }
}
