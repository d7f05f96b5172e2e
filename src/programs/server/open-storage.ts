import { mkdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { requireFinishedRestore } from "../../backends/backup/restore-mark.ts";
import { type Ledger, openLedger } from "../../backends/ledger-files/open-ledger.ts";
import { openSqliteStore } from "../../backends/sqlite/open-store.ts";
import type { Database } from "../../backends/store/schema.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import { ledgerOrigin } from "../../domain/ledger/checkpoint.ts";
import { systemClock } from "../../foundation/clock.ts";
import type { Fault } from "../../foundation/fault.ts";

export type Storage = {
  readonly database: Database;
  readonly ledger: Ledger;
  close(): Promise<void>;
};

/** A worker's entry file beside this one: `.ts` from source, `.js` from dist/. */
const workerUrl = (name: string): URL =>
  new URL(`./${name}${extname(import.meta.filename)}`, import.meta.url);

/**
 * Opens the store and the ledger, each on threads of its own. Rejects with STORE_IN_USE while another server has them.
 * `onFailure`: a thread has died; without it nothing can be recorded, so the program must end. `onDerived`: see LedgerOptions.
 */
export async function openStorage(
  { stateDir, trustDomain }: { readonly stateDir: string; readonly trustDomain: TrustDomain },
  onFailure: (fault: Fault) => void,
  onDerived: (fault: Fault | undefined) => void = () => undefined,
): Promise<Storage> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  requireFinishedRestore(stateDir);
  const database = await openSqliteStore({
    file: join(stateDir, "store.db"),
    worker: workerUrl("store-worker"),
    onFailure,
  });
  try {
    const ledger = await openLedger({
      file: join(stateDir, "ledger.db"),
      worker: workerUrl("ledger-worker"),
      origin: ledgerOrigin(trustDomain),
      clock: systemClock,
      onFailure,
      onDerived,
    });
    return {
      database,
      ledger,
      async close() {
        await ledger.close();
        await database.destroy();
      },
    };
  } catch (thrown) {
    await database.destroy();
    throw thrown;
  }
}
