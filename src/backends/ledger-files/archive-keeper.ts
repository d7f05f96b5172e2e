import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SealedTile } from "../../control/ledger/ledger-archiver.ts";
import { archiveTileRows } from "../../domain/ledger/archive-tile.ts";
import { Fault } from "../../foundation/fault.ts";
import type { ArchiveRequest } from "./ledger-messages.ts";

/** Rows of each table that one step deletes: some milliseconds, for which commits wait. */
const rowsInStep = 1024;

/** The archive's part of the writing connection: short transactions between commits. */
export class ArchiveKeeper {
  readonly #database: DatabaseSync;
  readonly #record: StatementSync;
  readonly #advance: Readonly<Record<SealedTile["kind"], StatementSync>>;
  readonly #deletions: readonly StatementSync[];

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#record = database.prepare("INSERT INTO archives VALUES (?, ?, ?, ?, ?, ?)");
    const advance = (kind: SealedTile["kind"]) =>
      database.prepare(`UPDATE archived SET ${kind} = ${kind} + ${archiveTileRows} WHERE ${kind} = ?`);
    this.#advance = { entries: advance("entries"), intents: advance("intents") };
    this.#deletions = [
      deletion("entries", "log_index", "log_index < (SELECT entries FROM archived)"),
      deletion("intents", "id", "id <= (SELECT intents FROM archived)"),
      deletion("ends", "intent", "intent <= (SELECT intents FROM archived)"),
    ].map((sql) => database.prepare(sql));
  }

  /** Each is done as a whole or throws. */
  handle(request: ArchiveRequest): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      if (request.kind === "seal") this.#seal(request.tile);
      else for (const rows of this.#deletions) rows.run();
      this.#database.exec("COMMIT");
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw thrown;
    }
  }

  /** Only the tile that comes next. */
  #seal({ kind, number, sha256, certificates, events }: SealedTile): void {
    if (this.#advance[kind].run(number * archiveTileRows).changes !== 1) {
      throw new Fault("LEDGER_FAILED", `tile ${number} of ${kind} is not the one that comes next`);
    }
    this.#record.run(kind, number, sha256, certificates, events, Date.now());
  }
}

const deletion = (table: string, key: string, where: string): string =>
  `DELETE FROM ${table} WHERE ${key} IN
    (SELECT ${key} FROM ${table} WHERE ${where} ORDER BY ${key} LIMIT ${rowsInStep})`;
