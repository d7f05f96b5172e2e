import type { JournaledTbs } from "../../domain/ledger/reconciliation.ts";
import { Reconciliation, type ReconciliationReport } from "../../domain/ledger/reconciliation.ts";
import { Fault } from "../../foundation/fault.ts";
import { intentPages } from "./intent-pages.ts";
import type { LedgerMark, LedgerReader } from "./ledger-reader.ts";
import { verifyEntries } from "./verify-entries.ts";

/** What the tokens were about to sign: of one signer, or of all as one. */
export interface Journal {
  /** Rejects with SIGNER_UNAVAILABLE when a part of it cannot be read. */
  readJournal(fromSequence: bigint, signal: AbortSignal): AsyncIterable<JournaledTbs>;
}

type Deps = {
  readonly reader: LedgerReader;
  readonly journal: Journal;
  /** TBS hashes of the lines whose intents a restore has lost; none when left out. */
  readonly lost?: ReadonlySet<string>;
};

/**
 * Recomputes what the ledger says of itself and reconciles it with the signer's journal, page by page, while both go
 * on growing. The ledger is looked at as it was when this began; the journal is read after that, so every certificate
 * seen must have its line, and a line without an intent is excused if its intent was announced since.
 */
export async function verifyLedger(deps: Deps, signal: AbortSignal): Promise<ReconciliationReport> {
  const { mark, flaws } = await verifyEntries(deps.reader, signal);
  const reconciliation = new Reconciliation(deps.lost);
  const unread: string[] = [];
  try {
    await feedBothSides(deps, { mark, reconciliation }, signal);
    await excuseNewIntents(deps.reader, { mark, reconciliation }, signal);
  } catch (thrown) {
    // With intents that cannot be read there is a report all the same: what is wrong with the ledger has been found above.
    if (flaws.length === 0 || !(thrown instanceof Fault) || thrown.code !== "LEDGER_FAILED") throw thrown;
    unread.push(`not reconciled with the journal: ${thrown.message}`);
  }
  const report = reconciliation.finish();
  const counted =
    report.intents === mark.intents ? [] : [`${mark.intents} intents, but ${report.intents} rows`];
  const own = [...unread, ...flaws, ...counted];
  return {
    ...report,
    reconciled: report.reconciled && own.length === 0,
    differences: [...own.slice(0, 100), ...report.differences],
    differenceCount: report.differenceCount + own.length,
  };
}

type Pass = { readonly mark: LedgerMark; readonly reconciliation: Reconciliation };

/** Feeds as many lines as intents at a time: both are in the order of issuance, so little waits for its other side. */
async function feedBothSides(deps: Deps, { mark, reconciliation }: Pass, signal: AbortSignal): Promise<void> {
  const lines = deps.journal.readJournal(0n, signal)[Symbol.asyncIterator]();
  const feedLine = async (): Promise<boolean> => {
    const next: IteratorResult<JournaledTbs> = await lines.next();
    if (!next.done) reconciliation.addLine(next.value);
    return !next.done;
  };
  const range = { after: 0, upTo: mark, openOnly: false };
  let more = true;
  try {
    for await (const page of intentPages(deps.reader, range, signal)) {
      for (const intent of page) reconciliation.addIntent(intent);
      for (let fed = 0; more && fed < page.length; fed += 1) more = await feedLine();
    }
    while (more) more = await feedLine();
  } finally {
    await lines.return?.();
  }
}

async function excuseNewIntents(
  reader: LedgerReader,
  { mark, reconciliation }: Pass,
  signal: AbortSignal,
): Promise<void> {
  if (reconciliation.unmatchedLines.size === 0) return;
  const upTo = await reader.counts(signal);
  const range = { after: mark.intents, upTo, openOnly: false };
  for await (const page of intentPages(reader, range, signal)) {
    for (const { tbsSha256 } of page) reconciliation.excuseLine(tbsSha256);
  }
}
