import { toHex } from "../../domain/certificate/hex.ts";
import { checkpointText, openCheckpoint } from "../../domain/ledger/checkpoint.ts";
import { type TreeHead, verifyConsistency } from "../../domain/ledger/merkle-verify.ts";
import { parseVerifierKey, type VerifyEd25519 } from "../../domain/ledger/signed-note.ts";
import { pause } from "../../foundation/deadline.ts";
import { asFault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { HeldCheckpoint, LedgerAdvance } from "./held-checkpoint.ts";
import { judgeRestored } from "./judge-restored.ts";

export interface LedgerLink {
  /** Tells the server what is held (and what was found wrong with its last answer), and asks for what came since. */
  observeLedger(
    held: { readonly note: string; readonly finding: string },
    signal: AbortSignal,
  ): Promise<LedgerAdvance>;
}

export interface CheckpointStore {
  load(): Promise<HeldCheckpoint | undefined>;
  save(held: HeldCheckpoint): Promise<void>;
  /** The tree that an operator says the ledger was restored to; undefined where nobody has said anything. */
  loadWord(): Promise<TreeHead | undefined>;
  forgetWord(): Promise<void>;
  /** Durably, and for good. */
  keepEvidence(evidence: Evidence): Promise<void>;
}

/** What was held, the tree that an operator has named in its place, and the checkpoint that continues it. */
export type Evidence = { readonly held: HeldCheckpoint; readonly word: TreeHead; readonly taken: string };

type Deps = {
  readonly link: LedgerLink;
  readonly store: CheckpointStore;
  readonly verify: VerifyEd25519;
  readonly observer: AgentObserver;
  readonly random: Random;
  /** Between two questions; each wait is up to a quarter shorter. */
  readonly everyMs: number;
};

/**
 * Holds the server to its ledger: a later checkpoint must be signed by the key that was first seen and must be proved to
 * continue the one that is held. Whatever does not is told to the server and never replaces what is held, unless an
 * operator has named on this node the tree that the ledger was restored to; the agent goes on serving.
 */
export class CheckpointWatch {
  readonly #deps: Deps;
  #held: HeldCheckpoint | undefined;
  #finding = "";

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { observer, everyMs, random } = this.#deps;
    await this.open();
    while (!signal.aborted) {
      try {
        await this.look(signal);
      } catch (thrown) {
        // The session says when the server is away; what else fails here must not be lost.
        const { code, message } = asFault(thrown);
        if (!signal.aborted && code !== "SERVER_UNAVAILABLE")
          observer.saw({ kind: "checkpoint-failed", reason: message });
      }
      const early = (random.bytes(1)[0] ?? 0) / 1024;
      await pause(everyMs * (1 - early), signal);
    }
  }

  /** Reads what an earlier process held. */
  async open(): Promise<void> {
    this.#held = await this.#deps.store.load();
  }

  /** One question and its answer. */
  async look(signal: AbortSignal): Promise<void> {
    const { link, observer } = this.#deps;
    const asked = { note: this.#held?.note ?? "", finding: this.#finding };
    const advance = await link.observeLedger(asked, signal);
    const verdict = this.#judge(advance);
    if (typeof verdict === "string") {
      if (await this.#takeRestored(advance.verifierKey, signal)) return;
      const isNew = verdict !== this.#finding;
      this.#finding = verdict;
      if (!isNew) return;
      observer.saw({ kind: "ledger-diverged", reason: verdict });
      // The server is told at once, and again with each question for as long as it stays so.
      await link.observeLedger({ note: asked.note, finding: verdict }, signal);
      return;
    }
    this.#finding = "";
    await this.#putWordAside();
    if (verdict.size === undefined) return;
    await this.#hold({ verifierKey: advance.verifierKey, note: advance.note });
    observer.saw({ kind: "checkpoint-held", size: verdict.size });
  }

  async #hold(held: HeldCheckpoint): Promise<void> {
    await this.#deps.store.save(held);
    this.#held = held;
  }

  /** A word is for the divergence at hand, not for one that may come. */
  async #putWordAside(): Promise<void> {
    const { store, observer } = this.#deps;
    if (!(await store.loadWord())) return;
    await store.forgetWord();
    const reason = "an operator named a restored ledger, but the ledger continues what is held: put aside";
    observer.saw({ kind: "checkpoint-failed", reason });
  }

  /**
   * On an operator's word what is held is given up for a checkpoint that is proved to continue the named tree. It is kept
   * as evidence before anything replaces it, and the server is told.
   */
  async #takeRestored(verifierKey: string, signal: AbortSignal): Promise<boolean> {
    const { link, observer, store, verify } = this.#deps;
    const held = this.#held;
    const word = held && (await store.loadWord());
    if (!word) return false;
    const known = { held, word, verifierKey };
    const asked = { note: checkpointText({ origin: "restored", ...word }), finding: "" };
    const found = judgeRestored(known, await link.observeLedger(asked, signal), verify);
    if (typeof found === "string") {
      observer.saw({ kind: "checkpoint-failed", reason: `the restored ledger is not taken: ${found}` });
      return false;
    }
    const { gaveUp, size, note } = found;
    await store.keepEvidence({ held, word, taken: note });
    await this.#hold({ verifierKey, note });
    await store.forgetWord();
    this.#finding = "";
    observer.saw({ kind: "ledger-restored", gaveUp: gaveUp.size, restored: word.size, size });
    const what = `a checkpoint of ${gaveUp.size} entries, root ${toHex(gaveUp.root)}`;
    const finding = `on an operator's word it has given up ${what}, for the ledger restored at ${word.size}`;
    await link.observeLedger({ note, finding }, signal);
    return true;
  }

  /** A sentence where the answer does not continue what is held; else its size, undefined where nothing is new. */
  #judge({ note, verifierKey, proof }: LedgerAdvance): string | { size: number | undefined } {
    const { verify } = this.#deps;
    const held = this.#held;
    if (note === "") return held ? "the server shows no checkpoint any more" : { size: undefined };
    if (note === held?.note) return { size: undefined };
    if (held && verifierKey !== held.verifierKey) return "the ledger's checkpoints are signed by another key";
    const key = parseVerifierKey(verifierKey);
    if (!key.ok) return `the ledger's key is ${key.error}`;
    const next = openCheckpoint(note, key.value, verify);
    if (!next.ok) return `a checkpoint that cannot be trusted: ${next.error}`;
    if (!held) return { size: next.value.size };
    const old = openCheckpoint(held.note, key.value, verify);
    if (!old.ok) return `the held checkpoint cannot be read any more: ${old.error}`;
    if (next.value.size < old.value.size) {
      return `the ledger has ${next.value.size} entries, but had ${old.value.size}`;
    }
    if (!verifyConsistency(old.value, next.value, proof)) {
      return `the ledger of ${next.value.size} entries does not continue that of ${old.value.size}`;
    }
    return { size: next.value.size };
  }
}
