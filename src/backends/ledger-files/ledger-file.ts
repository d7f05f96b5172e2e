import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { ByteReader } from "../../domain/ledger/byte-reader.ts";
import { type ProcessLock, takeProcessLock } from "../store/process-lock.ts";
import type { ThreadAnswer, ThreadCall } from "../store/thread-calls.ts";
import { isBusy, type ThreadError, toThreadError } from "../store/thread-faults.ts";
import { Appender } from "./append.ts";
import { ArchiveKeeper } from "./archive-keeper.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Derivation } from "./derivation.ts";
import type { ArchiveRequest, CallsFailed, LedgerPlace, WriterRequest } from "./ledger-messages.ts";
import { readLedgerState } from "./ledger-state.ts";
import { prepareLedger } from "./ledger-tables.ts";

type Call = ThreadCall<WriterRequest>;

/**
 * How long a transaction waits for another process that has the file locked. What is derived may have to wait that long, too,
 * before a call comes to its turn: both together are well within the ten seconds after which callers give up.
 */
const lockedForMs = 2500;

/** The ledger's one writing connection. */
export class LedgerFile {
  readonly #lock: ProcessLock;
  readonly #database: DatabaseSync;
  readonly #appender: Appender;
  readonly #derivation: Derivation;
  readonly #checkpoints: Checkpoints;
  readonly #archive: ArchiveKeeper;

  /** Throws STORE_IN_USE while another process has the file, LEDGER_FAILED where it cannot be used. */
  constructor({ file, origin }: LedgerPlace) {
    closeSync(openSync(file, "a", 0o600)); // SQLite gives its -wal and -shm files the same mode
    this.#lock = takeProcessLock(file);
    this.#database = new DatabaseSync(file, { enableForeignKeyConstraints: false, timeout: lockedForMs });
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF");
    this.#database.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384");
    prepareLedger(this.#database);
    const state = readLedgerState(this.#database);
    this.#derivation = new Derivation(this.#database, state);
    this.#checkpoints = new Checkpoints(this.#database, file, origin);
    this.#appender = new Appender(this.#database, state);
    this.#archive = new ArchiveKeeper(this.#database);
  }

  /**
   * All calls of all messages in one transaction; if that fails each in one of its own: a bad call fails alone. While another
   * process has the file locked that would only mean waiting for it as often as there are calls: then all fail together.
   */
  commit(messages: readonly Call[]): ThreadAnswer<CallsFailed>[] {
    const error = this.#transaction(() => {
      for (const { request } of messages) this.#appendAll(request);
    });
    if (!error) return messages.map(({ id }) => ({ id, reply: undefined }));
    if (error.isBusy) return messages.map(({ id, request }) => ({ id, reply: allFailed(request, error) }));
    return messages.map(({ id, request }) => ({ id, reply: this.#oneByOne(request) }));
  }

  /** One bounded step of the archive. */
  archive({ id, request }: ThreadCall<ArchiveRequest>): ThreadAnswer<CallsFailed> {
    try {
      this.#archive.handle(request);
      return { id, reply: undefined };
    } catch (thrown) {
      return { id, error: asLedgerError(thrown) };
    }
  }

  /** What the callers need not wait for. */
  afterCommit(): void {
    this.#appender.hashed((prefixed) => this.#derivation.append(prefixed));
  }

  /** Writes what is derived. Where that failed it is to be tried again, and this says why. */
  derive(): ThreadError | undefined {
    if (!this.#derivation.isBehind && this.#checkpoints.size === this.#derivation.size) return undefined;
    try {
      this.#derivation.write((tree) => this.#checkpoints.write(tree));
      return undefined;
    } catch (thrown) {
      return asLedgerError(thrown);
    }
  }

  close(): void {
    this.derive();
    this.#database.close();
    this.#lock.release();
  }

  #appendAll({ frames, calls }: WriterRequest): void {
    const reader = new ByteReader(frames);
    for (let call = 0; call < calls; call += 1) this.#appender.append(reader);
  }

  #oneByOne({ frames, calls }: WriterRequest): CallsFailed {
    const failed: Record<number, ThreadError> = {};
    for (let call = 0, at = 0; call < calls; call += 1) {
      const error = this.#transaction(() => this.#appender.append(new ByteReader(frames, at)));
      if (error) failed[call] = { code: error.code, message: error.message };
      at += 5 + Buffer.from(frames.buffer, frames.byteOffset).readUInt32BE(at + 1);
    }
    return failed;
  }

  #transaction(append: () => void): (ThreadError & { isBusy: boolean }) | undefined {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      append();
      this.#appender.finish();
      this.#database.exec("COMMIT");
      this.#appender.committed();
      return undefined;
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      this.#appender.undo();
      return { ...asLedgerError(thrown), isBusy: isBusy(thrown) };
    }
  }
}

const allFailed = ({ calls }: WriterRequest, { code, message }: ThreadError): CallsFailed =>
  Object.fromEntries(Array.from({ length: calls }, (_, call) => [call, { code, message }]));

export function asLedgerError(thrown: unknown): ThreadError {
  const { code, message } = toThreadError(thrown);
  if (code === "STORE_IN_USE") return { code, message };
  return { code: "LEDGER_FAILED", message: `the ledger cannot record: ${message}` };
}
