import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Ledger, openLedger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { systemClock } from "../../../src/foundation/clock.ts";

export const ledgerWorker = new URL("../../../src/programs/server/ledger-worker.ts", import.meta.url);

export function temporaryLedgerFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-ledger-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "ledger.db");
}

/** A ledger on a real file, closed when the test has finished. */
export async function openLedgerAt(file = temporaryLedgerFile(), origin?: string): Promise<Ledger> {
  const onFailure = (fault: Error) => {
    throw fault;
  };
  const ledger = await openLedger({
    file,
    worker: ledgerWorker,
    clock: systemClock,
    onFailure,
    ...(origin !== undefined && { origin }),
  });
  onTestFinished(() => ledger.close());
  return ledger;
}

export const authorityKeyId = randomBytes(20).toString("hex");
