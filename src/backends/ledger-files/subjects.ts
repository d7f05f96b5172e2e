import type { DatabaseSync, StatementSync } from "node:sqlite";
import { unpackSubject } from "../../domain/ledger/log-entry.ts";

export type KnownSubject = { readonly id: number; readonly packed: Uint8Array };

/** Subjects kept in memory; the others are looked up. */
const mostKept = 50_000;

/** Whom leaves are for: each triple of texts is stored once, and rows name its number. */
export class Subjects {
  readonly #known = new Map<string, KnownSubject>();
  readonly #insert: StatementSync;
  readonly #find: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(
      "INSERT INTO subjects (spiffe_id, entry_id, requester) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    );
    this.#find = database.prepare(
      "SELECT id FROM subjects WHERE spiffe_id = ? AND entry_id = ? AND requester = ?",
    );
  }

  of(packed: Buffer): KnownSubject {
    const key = packed.toString("latin1");
    const known = this.#known.get(key);
    if (known) return known;
    const { spiffeId, entryId, requester } = unpackSubject(packed);
    this.#insert.run(spiffeId, entryId, requester);
    const row = this.#find.get(spiffeId, entryId, requester);
    const subject = { id: Number(row?.id), packed: new Uint8Array(packed) };
    if (this.#known.size >= mostKept) this.#known.clear();
    this.#known.set(key, subject);
    return subject;
  }

  /** After a rollback: what it added is not there. */
  forget(): void {
    this.#known.clear();
  }
}
