import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { MessagePort } from "node:worker_threads";
import { type ProcessLock, takeProcessLock } from "../store/process-lock.ts";
import { closingMessage, openingId, type ThreadAnswer, type ThreadCall } from "../store/thread-calls.ts";
import { toThreadError } from "../store/thread-faults.ts";

export type StatementRequest = { readonly sql: string; readonly parameters: readonly SQLInputValue[] };
export type StatementReply = { readonly rows: readonly unknown[]; readonly changes: number };

/** What the worker's entry file passes on from its workerData. */
export type StatementThreadData = { readonly file: string };

const mostPrepared = 256;

/**
 * Owns the store's one connection and runs one statement after another on a thread of its own, so that no thread that
 * serves streams waits for an fsync. Transactions are statements too: the driver sends nothing else between their
 * begin and end.
 */
export function serveStatements(port: MessagePort, data: StatementThreadData): void {
  const answer = (message: ThreadAnswer<StatementReply>) => port.postMessage([message]);
  let store: StoreFile;
  try {
    store = new StoreFile(data.file);
  } catch (thrown) {
    answer({ id: openingId, error: toThreadError(thrown) });
    return;
  }
  port.on("message", (message: ThreadCall<StatementRequest> | typeof closingMessage) => {
    if (message === closingMessage) {
      store.close();
      port.close();
      return;
    }
    try {
      answer({ id: message.id, reply: store.run(message.request) });
    } catch (thrown) {
      answer({ id: message.id, error: toThreadError(thrown) });
    }
  });
  answer({ id: openingId, reply: { rows: [], changes: 0 } });
}

class StoreFile {
  readonly #lock: ProcessLock;
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(file: string) {
    closeSync(openSync(file, "a", 0o600)); // SQLite gives its -wal and -shm files the same mode
    this.#lock = takeProcessLock(file);
    this.#database = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: 5000 });
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF");
  }

  run({ sql, parameters }: StatementRequest): StatementReply {
    // A failed statement may have ended its transaction already (disk full); rolling back again is no second failure.
    if (sql === "rollback" && !this.#database.isTransaction) return { rows: [], changes: 0 };
    const statement = this.#prepare(sql);
    if (statement.columns().length > 0) return { rows: statement.all(...parameters), changes: 0 };
    return { rows: [], changes: Number(statement.run(...parameters).changes) };
  }

  close(): void {
    this.#database.close();
    this.#lock.release();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known) return known;
    if (this.#prepared.size >= mostPrepared) this.#prepared.clear();
    const statement = this.#database.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}
