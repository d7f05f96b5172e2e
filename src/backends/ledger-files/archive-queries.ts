import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ArchiveState } from "../../control/ledger/ledger-archiver.ts";
import { archiveTileRows } from "../../domain/ledger/archive-tile.ts";
import { Fault } from "../../foundation/fault.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";

/** How far the archive has come. */
export class ArchiveQueries {
  readonly #shelf: ArchiveShelf;
  readonly #rows: StatementSync;

  constructor(database: DatabaseSync, shelf: ArchiveShelf) {
    this.#shelf = shelf;
    this.#rows = database.prepare(`
      SELECT EXISTS(SELECT 1 FROM entries WHERE log_index < :entries)
        OR EXISTS(SELECT 1 FROM intents WHERE id <= :intents)
        OR EXISTS(SELECT 1 FROM ends WHERE intent <= :intents) AS found`);
  }

  state(): ArchiveState {
    const { entries, intents } = this.#shelf.extent();
    return { entries, intents, hasRows: this.#rows.get({ entries, intents })?.found === 1 };
  }

  /** A sentence for each tile on record that is missing or was changed. Reads all of them. */
  flaws(): string[] {
    const { entries, intents } = this.#shelf.extent();
    const flaws: string[] = [];
    for (let number = 0; number < entries / archiveTileRows; number += 1) {
      flaws.push(...tileFlaws(() => this.#shelf.entries(number)));
    }
    for (let number = 0; number < intents / archiveTileRows; number += 1) {
      flaws.push(...tileFlaws(() => this.#shelf.intents(number)));
    }
    return flaws;
  }
}

/** What a tile that cannot be read is said to be; anything else that goes wrong is thrown on. */
export function tileFlaws(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "LEDGER_FAILED") return [thrown.message];
    throw thrown;
  }
}
