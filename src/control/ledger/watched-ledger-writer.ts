import type { Intent, IntentOutcome, LedgerEvent, LedgerWriter } from "./ledger-writer.ts";

export type LedgerHealthEvent =
  /** A record failed, and the one before it did not: from now on nothing is issued. */
  | { readonly kind: "ledger-fails"; readonly cause: unknown }
  /** A record went well again. */
  | { readonly kind: "ledger-records-again" };

export interface LedgerHealthObserver {
  saw(event: LedgerHealthEvent): void;
}

/** A ledger that says once when it begins to fail (a full disk, a locked database), and once when it records again. */
export class WatchedLedgerWriter implements LedgerWriter {
  readonly #writer: LedgerWriter;
  readonly #observer: LedgerHealthObserver;
  #failing = false;

  constructor(writer: LedgerWriter, observer: LedgerHealthObserver) {
    this.#writer = writer;
    this.#observer = observer;
  }

  recordIntents(intents: readonly Intent[], signal: AbortSignal): Promise<void> {
    return this.#watch(this.#writer.recordIntents(intents, signal), signal);
  }

  recordOutcomes(outcomes: readonly IntentOutcome[], signal: AbortSignal): Promise<void> {
    return this.#watch(this.#writer.recordOutcomes(outcomes, signal), signal);
  }

  recordEvent(event: LedgerEvent, signal: AbortSignal): Promise<void> {
    return this.#watch(this.#writer.recordEvent(event, signal), signal);
  }

  async #watch(recorded: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await recorded;
    } catch (thrown) {
      if (!this.#failing && !signal.aborted) {
        this.#failing = true;
        this.#observer.saw({ kind: "ledger-fails", cause: thrown });
      }
      throw thrown;
    }
    if (!this.#failing) return;
    this.#failing = false;
    this.#observer.saw({ kind: "ledger-records-again" });
  }
}
