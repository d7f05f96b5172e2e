import { intentPages } from "./intent-pages.ts";
import type { LedgerReader, RecordedIntent } from "./ledger-reader.ts";
import type { IntentOutcome, LedgerWriter } from "./ledger-writer.ts";
import type { Journal } from "./verify-ledger.ts";

type Deps = { readonly reader: LedgerReader; readonly writer: LedgerWriter; readonly journal: Journal };

/**
 * Closes intents that nobody will end any more, because the server or the signer was killed between the intent and its
 * outcome: with a line in the signer's journal as signed-not-recorded, else as not-signed.
 */
export class OrphanCloser {
  readonly #deps: Deps;
  /** No intent up to this one is open. */
  #settled = 0;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * Closes what was announced before `announcedBefore` and is open: choose it so long ago that neither the pipeline
   * nor the signer's queue can hold one of them. Returns how many were closed. Rejects with SIGNER_UNAVAILABLE or
   * LEDGER_FAILED; they stay open then for a later call.
   */
  async close(announcedBefore: Date, signal: AbortSignal): Promise<number> {
    const orphans = await this.#find(announcedBefore, signal);
    if (orphans.length === 0) return 0;
    const announced = new Set(orphans.map(({ tbsSha256 }) => tbsSha256));
    const journaled = new Set<string>();
    for await (const { tbsSha256 } of this.#deps.journal.readJournal(0n, signal)) {
      if (announced.has(tbsSha256)) journaled.add(tbsSha256);
    }
    const outcomes = orphans.map((orphan) => closed(orphan, journaled.has(orphan.tbsSha256)));
    await this.#deps.writer.recordOutcomes(outcomes, signal);
    return outcomes.length;
  }

  async #find(announcedBefore: Date, signal: AbortSignal): Promise<RecordedIntent[]> {
    const { reader } = this.#deps;
    const upTo = await reader.counts(signal);
    const ended =
      upTo.certificates + upTo["not-signed"] + upTo["self-check-failed"] + upTo["signed-not-recorded"];
    if (ended === upTo.intents) {
      this.#settled = upTo.intents;
      return [];
    }
    const open: RecordedIntent[] = [];
    const range = { after: this.#settled, upTo, openOnly: true };
    for await (const page of intentPages(reader, range, signal)) open.push(...page);
    this.#settled = (open[0]?.id ?? upTo.intents + 1) - 1;
    return open.filter(({ at }) => at < announcedBefore);
  }
}

const closed = ({ serial, authorityKeyId }: RecordedIntent, wasJournaled: boolean): IntentOutcome => ({
  kind: "closed",
  serial,
  authorityKeyId,
  as: wasJournaled ? "signed-not-recorded" : "not-signed",
  reason: "its server or signer ended before the outcome was recorded",
});
