import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openSqliteStore } from "../../../src/backends/sqlite/open-store.ts";
import type { Database } from "../../../src/backends/store/schema.ts";

export const storeWorker = new URL("../../../src/programs/server/store-worker.ts", import.meta.url);

/** A folder of the test's own, removed when it has finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A store on a real file, closed when the test has finished. */
export async function openStoreIn(folder: string): Promise<Database> {
  const database = await openSqliteStore({
    file: join(folder, "store.db"),
    worker: storeWorker,
    onFailure: (fault) => {
      throw fault;
    },
  });
  onTestFinished(() => database.destroy());
  return database;
}
