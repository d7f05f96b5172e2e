import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Finds the newest intents by serial, whose block is not full yet: read once each, and only when somebody looks. */
export class RecentIntents {
  readonly #since: StatementSync;
  #ids = new Map<string, number[]>();
  #from = 0;
  #seen = 0;

  constructor(database: DatabaseSync) {
    this.#since = database.prepare("SELECT id, serial FROM intents WHERE id > ? ORDER BY id");
  }

  /** Ids after `covered` of intents with this serial. */
  candidates(serial: Uint8Array, covered: number): readonly number[] {
    if (covered > this.#from) {
      this.#ids = new Map();
      this.#from = covered;
      this.#seen = covered;
    }
    for (const row of this.#since.iterate(this.#seen)) {
      const key = keyOf(row.serial as Uint8Array);
      this.#seen = Number(row.id);
      this.#ids.set(key, [...(this.#ids.get(key) ?? []), this.#seen]);
    }
    return this.#ids.get(keyOf(serial)) ?? [];
  }
}

const keyOf = (serial: Uint8Array): string => Buffer.from(serial).toString("latin1");
