import type { DatabaseSync, StatementSync } from "node:sqlite";
import { archiveTileRows } from "../../domain/ledger/archive-tile.ts";
import { type ArchiveShelf, entryTileOf } from "./archive-shelf.ts";

/** A log entry as it is stored, wherever that is. `body` is null only where somebody took it away. */
export type EntryRow = {
  readonly log_index: number;
  readonly intent: number | null;
  readonly outcome: number;
  readonly body: Uint8Array | null;
};

/** Log entries in order: the oldest from archive tiles, the others from rows. */
export class EntryRows {
  readonly #shelf: ArchiveShelf;
  readonly #rows: StatementSync;

  constructor(database: DatabaseSync, shelf: ArchiveShelf) {
    this.#shelf = shelf;
    this.#rows = database.prepare(`
      SELECT log_index, intent, outcome, body FROM entries
      WHERE log_index >= ? AND log_index < ? ORDER BY log_index`);
  }

  /** From `from` to before `upTo`. Throws LEDGER_FAILED at an archive tile that cannot be read. */
  *between(from: number, upTo: number): Generator<EntryRow> {
    const archived = Math.min(this.#shelf.extent().entries, upTo);
    for (let at = from; at < archived; at = (entryTileOf(at) + 1) * archiveTileRows) {
      yield* this.inTile(entryTileOf(at), at, archived);
    }
    const rest = Math.max(from, archived);
    if (rest < upTo) yield* this.#rows.iterate(rest, upTo) as Iterable<EntryRow>;
  }

  /** Those of one archive tile. */
  *inTile(number: number, from: number, upTo: number): Generator<EntryRow> {
    const first = number * archiveTileRows;
    const entries = this.#shelf.entries(number);
    for (let index = Math.max(from, first); index < Math.min(upTo, first + archiveTileRows); index += 1) {
      const entry = entries[index - first];
      if (entry) yield { log_index: index, ...entry };
    }
  }
}
