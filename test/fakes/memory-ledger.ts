import type {
  Intent,
  IntentOutcome,
  LedgerEvent,
  LedgerWriter,
} from "../../src/control/ledger/ledger-writer.ts";
import { Fault } from "../../src/foundation/fault.ts";

/** A LedgerWriter in memory that keeps the order of all it was told. */
export class MemoryLedger implements LedgerWriter {
  readonly intents: Intent[] = [];
  readonly outcomes: IntentOutcome[] = [];
  readonly events: LedgerEvent[] = [];
  failing: "intents" | "outcomes" | undefined;

  async recordIntents(intents: readonly Intent[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.failing === "intents") throw new Fault("LEDGER_FAILED", "the disk is full");
    for (const intent of intents) {
      const twice = this.intents.some((other) => other.serial === intent.serial);
      if (twice) throw new Fault("LEDGER_FAILED", "this serial number is taken");
      this.intents.push(intent);
    }
  }

  async recordOutcomes(outcomes: readonly IntentOutcome[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.failing === "outcomes") throw new Fault("LEDGER_FAILED", "the disk is full");
    this.outcomes.push(...outcomes);
  }

  async recordEvent(event: LedgerEvent, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.events.push(event);
  }
}
