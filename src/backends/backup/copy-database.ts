import { closeSync, openSync } from "node:fs";
import { stat } from "node:fs/promises";
import { backup, DatabaseSync } from "node:sqlite";
import { Fault } from "../../foundation/fault.ts";

const lookEveryMs = 1000;
/** All pages in one step: a copy in several begins anew whenever another process writes in between. */
const allPages = 2 ** 31 - 1;

/** Bytes that are there of bytes that will be. */
export type CopyProgress = (done: number, whole: number) => void;

/**
 * Copies a database as it is at one moment, while another process goes on writing to it (it must be in WAL mode, where a
 * reader holds up no writer). The copy has mode 0600 and is whole in its one file. Rejects with STORE_FAILED.
 */
export async function copyDatabase(from: string, to: string, onProgress: CopyProgress): Promise<void> {
  let source: DatabaseSync | undefined;
  let watch: NodeJS.Timeout | undefined;
  try {
    await stat(from); // else SQLite would make an empty one
    source = new DatabaseSync(from, { timeout: 5000 });
    source.exec("PRAGMA query_only = ON");
    const whole = numberOf(source, "page_count") * numberOf(source, "page_size");
    closeSync(openSync(to, "wx", 0o600));
    watch = setInterval(
      () =>
        void stat(to).then(
          ({ size }) => onProgress(Math.min(size, whole), whole),
          () => undefined,
        ),
      lookEveryMs,
    );
    await backup(source, to, { rate: allPages });
  } catch (thrown) {
    throw new Fault("STORE_FAILED", `${from} cannot be copied: ${(thrown as Error).message}`, {
      cause: thrown,
    });
  } finally {
    clearInterval(watch);
    source?.close();
  }
}

export type DatabaseFacts = {
  /** PRAGMA user_version. */
  readonly userVersion: number;
  /** The latest of the store's migrations; "" in a database without any. */
  readonly migration: string;
};

/** Reads a copy from end to end: every page, index and constraint. Throws STORE_FAILED for one that is damaged. */
export function checkCopy(file: string): DatabaseFacts {
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA journal_mode = DELETE"); // one file without companions
    const found = database.prepare("PRAGMA integrity_check(1)").get() as { integrity_check: string };
    if (found.integrity_check !== "ok") throw new Error(found.integrity_check);
    return { userVersion: numberOf(database, "user_version"), migration: lastMigration(database) };
  } catch (thrown) {
    throw new Fault("STORE_FAILED", `${file} is damaged: ${(thrown as Error).message}`, { cause: thrown });
  } finally {
    database.close();
  }
}

function numberOf(database: DatabaseSync, pragma: "page_count" | "page_size" | "user_version"): number {
  return Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
}

/** kysely's own table of the migrations that have run. */
function lastMigration(database: DatabaseSync): string {
  const table = database
    .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'kysely_migration'")
    .get();
  if (!table) return "";
  const last = database.prepare("SELECT max(name) AS name FROM kysely_migration").get();
  return String(last?.name ?? "");
}
