import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../../foundation/fault.ts";

export type FolderLock = { release(): void };

const patienceMs = 1500; // a predecessor that was told to stop may still be closing
const sqliteBusy = 5;

/**
 * Makes the state folder (0700) this process's own until `release` or the process's end, kill -9 included, and throws
 * STORE_IN_USE while another process has it. Node has no flock(2); an open exclusive transaction on an empty SQLite
 * file is one that the kernel drops by itself.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, "agent.lock");
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const opened = new DatabaseSync(path, { timeout: patienceMs });
    database = opened;
    opened.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return { release: () => opened.close() };
  } catch (cause) {
    database?.close();
    if ((cause as { errcode?: number }).errcode !== sqliteBusy) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Fault("STORE_FAILED", `cannot use the state folder ${folder}: ${reason}`, { cause });
    }
    const remedy = `stop it first (\`fuser ${path}\` names it), or set another stateDir`;
    throw new Fault("STORE_IN_USE", `another agent uses ${folder}: ${remedy}`, { cause });
  }
}
