import { existsSync } from "node:fs";
import type { LedgerLog } from "../../control/ledger/ledger-log.ts";
import type { LedgerReader } from "../../control/ledger/ledger-reader.ts";
import { Fault } from "../../foundation/fault.ts";
import { LedgerQueries } from "./ledger-queries.ts";
import { ThreadLedgerReader } from "./thread-ledger-reader.ts";

export type LedgerFileReader = {
  readonly reader: LedgerReader;
  readonly log: LedgerLog;
  close(): void;
};

/**
 * Opens a ledger for reading in this thread: that of a server that runs, that has stopped, or a copy. Throws NOT_FOUND
 * where there is no such file, LEDGER_FAILED where it is no ledger of this version.
 */
export function openLedgerFile(file: string): LedgerFileReader {
  if (!existsSync(file)) throw new Fault("NOT_FOUND", `${file} does not exist`);
  const queries = openQueries(file);
  const reader = new ThreadLedgerReader({ calls: { call: async (request) => queries.answer(request) } });
  return { reader, log: reader, close: () => queries.close() };
}

function openQueries(file: string): LedgerQueries {
  try {
    return new LedgerQueries(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const remedy = "one of an older version is upgraded when its server starts";
    throw new Fault("LEDGER_FAILED", `${file} cannot be read as a ledger: ${why}; ${remedy}`, { cause });
  }
}
