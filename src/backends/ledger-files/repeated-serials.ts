import type { DatabaseSync, StatementSync } from "node:sqlite";
import { archiveTileRows } from "../../domain/ledger/archive-tile.ts";
import { tileFlaws } from "./archive-queries.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";

/** Finds serial numbers that one authority announced twice, among all intents: as they are recorded only the latest are compared. */
export class RepeatedSerials {
  readonly #database: DatabaseSync;
  readonly #repeated: StatementSync;
  readonly #archive: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    // Of this connection alone, and on disk: an archive may be larger than memory.
    database.exec("CREATE TEMP TABLE archived_serials (authority INTEGER NOT NULL, serial BLOB NOT NULL)");
    this.#archive = database.prepare("INSERT INTO temp.archived_serials VALUES (?, ?)");
    this.#repeated = database.prepare(`
      SELECT lower(hex(serial)) AS serial, count(*) AS times FROM (
        SELECT authority, serial FROM intents WHERE id > :archived AND id <= :upTo
        UNION ALL SELECT authority, serial FROM temp.archived_serials
      ) GROUP BY authority, serial HAVING count(*) > 1 LIMIT 100`);
  }

  /** A sentence for each, among intents up to `upTo`, and for each archive tile that cannot be read. */
  find(shelf: ArchiveShelf, upTo: number): string[] {
    const archived = Math.min(shelf.extent().intents, upTo);
    const flaws: string[] = [];
    try {
      for (let number = 0; number < archived / archiveTileRows; number += 1) {
        flaws.push(...tileFlaws(() => this.#take(shelf, number)));
      }
      const rows = this.#repeated.all({ archived, upTo }) as { serial: string; times: number }[];
      const repeated = rows.map(
        ({ serial, times }) => `serial ${serial} was announced ${times} times by one authority`,
      );
      return [...flaws, ...repeated];
    } finally {
      this.#database.exec("DELETE FROM temp.archived_serials");
    }
  }

  #take(shelf: ArchiveShelf, number: number): void {
    for (const { authority, serial } of shelf.intents(number)) this.#archive.run(authority, serial);
  }
}
