import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Authorities by their key ids: rows name their number. */
export class Authorities {
  readonly #insert: StatementSync;
  readonly #find: StatementSync;
  /** The last one that was asked for: nearly always the next one too. */
  #last: { readonly keyId: Buffer; readonly id: number } | undefined;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare("INSERT INTO authorities (key_id) VALUES (?) ON CONFLICT DO NOTHING");
    this.#find = database.prepare("SELECT id FROM authorities WHERE key_id = ?");
  }

  of(keyId: Buffer): number {
    if (this.#last?.keyId.equals(keyId)) return this.#last.id;
    this.#insert.run(keyId);
    const id = Number(this.#find.get(keyId)?.id);
    this.#last = { keyId: Buffer.from(keyId), id };
    return id;
  }

  /** After a rollback: what it added is not there. */
  forget(): void {
    this.#last = undefined;
  }
}
