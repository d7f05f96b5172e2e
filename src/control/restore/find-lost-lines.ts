import type { JournaledTbs } from "../../domain/ledger/reconciliation.ts";
import { intentPages } from "../ledger/intent-pages.ts";
import type { LedgerReader } from "../ledger/ledger-reader.ts";
import type { Journal } from "../ledger/verify-ledger.ts";
import type { LostLine } from "./restore-store.ts";

type Deps = { readonly reader: LedgerReader; readonly journal: Journal };

/**
 * The lines of the signers' journals that have no intent in the ledger. Both are in the order of issuance and read side by
 * side: kept in memory is only what has not met its other side. An intent is durable before its line is written, so whatever line
 * has none once the ledger was read to its end has none at all.
 */
export async function findLostLines({ reader, journal }: Deps, signal: AbortSignal): Promise<LostLine[]> {
  const lines = journal.readJournal(0n, signal)[Symbol.asyncIterator]();
  const unmet = new Map<string, JournaledTbs>();
  const announced = new Set<string>();
  const feedLine = async (): Promise<boolean> => {
    const next = await lines.next();
    if (next.done) return false;
    if (!announced.delete(next.value.tbsSha256)) unmet.set(next.value.tbsSha256, next.value);
    return true;
  };
  const announce = (tbsSha256: string) => {
    if (!unmet.delete(tbsSha256)) announced.add(tbsSha256);
  };
  let more = true;
  const begun = await reader.counts(signal);
  try {
    const range = { after: 0, upTo: begun, openOnly: false };
    for await (const page of intentPages(reader, range, signal)) {
      for (const { tbsSha256 } of page) announce(tbsSha256);
      for (let fed = 0; more && fed < page.length; fed += 1) more = await feedLine();
    }
    while (more) more = await feedLine();
  } finally {
    await lines.return?.();
  }
  const since = { after: begun.intents, upTo: await reader.counts(signal), openOnly: false };
  for await (const page of intentPages(reader, since, signal)) {
    for (const { tbsSha256 } of page) unmet.delete(tbsSha256);
  }
  return [...unmet.values()].map(({ tbsSha256, keyId, sequence, signer = "" }) => ({
    tbsSha256,
    keyId,
    sequence,
    signer,
  }));
}
