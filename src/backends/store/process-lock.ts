import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../../foundation/fault.ts";
import { isBusy } from "./thread-faults.ts";

/** A store file that only this process may use, until `release` or the process's end, however that comes. */
export type ProcessLock = { release(): void };

const patienceMs = 1500; // a predecessor that was told to stop may still be closing

/**
 * Takes the lock that belongs to the store file at `path`, or throws STORE_IN_USE while another process has it.
 *
 * The lock is an exclusive transaction, held for life, on an empty SQLite file beside the store. The kernel drops it
 * with the process, kill -9 included, so nothing is ever left to clean up by hand; a lock on the store itself would
 * also shut out backups and readers.
 */
export function takeProcessLock(path: string): ProcessLock {
  const lockPath = `${path}.lock`;
  closeSync(openSync(lockPath, "a", 0o600));
  const database = new DatabaseSync(lockPath, { timeout: patienceMs });
  try {
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (thrown) {
    database.close();
    if (!isBusy(thrown)) throw new Fault("STORE_FAILED", `${lockPath} cannot be locked`, { cause: thrown });
    const remedy = `stop it first (\`fuser ${lockPath}\` names it), or give this server a state folder of its own`;
    throw new Fault("STORE_IN_USE", `another process uses ${path}: ${remedy}`, { cause: thrown });
  }
  return { release: () => database.close() };
}
