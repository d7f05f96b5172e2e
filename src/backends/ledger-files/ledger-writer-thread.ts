import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type ProcessLock, takeProcessLock } from "../store/process-lock.ts";
import { closingMessage, openingId, type ThreadAnswer, type ThreadCall } from "../store/thread-calls.ts";
import { type ThreadError, toThreadError } from "../store/thread-faults.ts";
import { Appender } from "./append.ts";
import type { WriterRequest } from "./ledger-messages.ts";
import { prepareLedger } from "./ledger-tables.ts";

type Call = ThreadCall<WriterRequest>;
type Message = Call | typeof closingMessage;

/** Calls in one commit at most: bounds how long the first of them waits for the others' rows. */
const mostCallsPerCommit = 256;

/**
 * Group commit: while one fsync runs, calls pile up in the port; then all of them become one transaction. Each is
 * answered after the commit that holds it.
 */
export function serveLedgerWrites(port: MessagePort, file: string): void {
  let ledger: LedgerFile;
  try {
    ledger = new LedgerFile(file);
  } catch (thrown) {
    port.postMessage([{ id: openingId, error: asLedgerError(thrown) }]);
    return;
  }
  port.on("message", (first: Message) => {
    const calls: Call[] = [];
    let message: Message | undefined = first;
    while (message !== undefined && message !== closingMessage) {
      calls.push(message);
      if (calls.length === mostCallsPerCommit) break;
      message = receiveMessageOnPort(port)?.message;
    }
    if (calls.length > 0) port.postMessage(ledger.commit(calls));
    if (message !== closingMessage) return;
    ledger.close();
    port.close();
  });
  port.postMessage([{ id: openingId, reply: undefined }]);
}

class LedgerFile {
  readonly #lock: ProcessLock;
  readonly #database: DatabaseSync;
  readonly #appender: Appender;

  constructor(file: string) {
    closeSync(openSync(file, "a", 0o600)); // SQLite gives its -wal and -shm files the same mode
    this.#lock = takeProcessLock(file);
    this.#database = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: 5000 });
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF");
    // Serials are random, so each intent touches another page of their index: keep 32 MiB of pages at hand.
    this.#database.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -32768");
    prepareLedger(this.#database);
    this.#appender = new Appender(this.#database);
  }

  /** All calls in one transaction; if that fails each in one of its own, so that a bad call fails alone. */
  commit(calls: readonly Call[]): ThreadAnswer<undefined>[] {
    const error = this.#transaction(calls);
    if (!error) return calls.map(({ id }) => ({ id, reply: undefined }));
    if (calls.length === 1) return calls.map(({ id }) => ({ id, error }));
    return calls.flatMap((call) => this.commit([call]));
  }

  close(): void {
    this.#database.close();
    this.#lock.release();
  }

  #transaction(calls: readonly Call[]): ThreadError | undefined {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const { request } of calls) this.#appender.append(request);
      this.#appender.flush();
      this.#database.exec("COMMIT");
      return undefined;
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      this.#appender.reload();
      return asLedgerError(thrown);
    }
  }
}

function asLedgerError(thrown: unknown): ThreadError {
  const { code, message } = toThreadError(thrown);
  if (code === "STORE_IN_USE") return { code, message };
  return { code: "LEDGER_FAILED", message: `the ledger cannot record: ${message}` };
}
