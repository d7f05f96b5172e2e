import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type ArchivedEntry,
  type ArchivedIntent,
  type ArchiveTileName,
  archiveTileRows,
  readEntryTile,
  readIntentTile,
} from "../../domain/ledger/archive-tile.ts";
import { ArchiveFiles, archiveFault } from "./archive-files.ts";

/** Tiles of one kind that are kept in memory: a few megabytes each. */
const mostKept = 4;

/** Log entries below `entries`, and intents up to `intents`, are in archive tiles. */
export type ArchiveExtent = { readonly entries: number; readonly intents: number };

/** Reads archive tiles, each checked against the SHA-256 that the ledger has on record when it is taken from its file. */
export class ArchiveShelf {
  readonly #files: ArchiveFiles;
  readonly #extent: StatementSync | undefined;
  readonly #record: StatementSync | undefined;
  readonly #nextWithEvents: StatementSync | undefined;
  readonly #entries = new Map<number, readonly ArchivedEntry[]>();
  readonly #intents = new Map<number, readonly ArchivedIntent[]>();

  constructor(database: DatabaseSync, ledgerFile: string) {
    this.#files = new ArchiveFiles(ledgerFile);
    const table = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'archives'");
    if (!table.get()) return; // a ledger of version 2 that is only read
    this.#extent = database.prepare("SELECT entries, intents FROM archived");
    this.#record = database.prepare("SELECT * FROM archives WHERE kind = ? AND number = ?");
    this.#nextWithEvents = database.prepare(
      "SELECT min(number) AS number FROM archives WHERE kind = 'entries' AND events > 0 AND number >= ?",
    );
  }

  extent(): ArchiveExtent {
    const row = this.#extent?.get();
    return { entries: Number(row?.entries ?? 0), intents: Number(row?.intents ?? 0) };
  }

  /** Throws LEDGER_FAILED, as all below do, where the tile is missing or is not the one on record. */
  entries(number: number): readonly ArchivedEntry[] {
    return this.#kept(this.#entries, { kind: "entries", number }, readEntryTile);
  }

  intents(number: number): readonly ArchivedIntent[] {
    return this.#kept(this.#intents, { kind: "intents", number }, readIntentTile);
  }

  /** The archived intent of this id; undefined where it is not archived. */
  intent(id: number): ArchivedIntent | undefined {
    if (id < 1 || id > this.extent().intents) return undefined;
    return this.intents(intentTileOf(id))[(id - 1) % archiveTileRows];
  }

  /** How many certificates the ledger has on record for a tile of entries. */
  certificatesIn(number: number): number {
    return Number(this.#record?.get("entries", number)?.certificates ?? 0);
  }

  /** The next tile of entries, from this one on, that has an event; undefined where none has. */
  nextWithEvents(number: number): number | undefined {
    const found = this.#nextWithEvents?.get(number)?.number;
    return typeof found === "number" ? found : undefined;
  }

  #kept<Row>(
    kept: Map<number, readonly Row[]>,
    tile: ArchiveTileName,
    parse: (bytes: Uint8Array, number: number) => Row[],
  ): readonly Row[] {
    const { number } = tile;
    const rows = kept.get(number) ?? this.#read(tile, parse);
    kept.delete(number); // the latest goes to the end
    kept.set(number, rows);
    const [oldest] = kept.keys();
    if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
    return rows;
  }

  #read<Row>(tile: ArchiveTileName, parse: (bytes: Uint8Array, number: number) => Row[]): Row[] {
    const recorded = this.#record?.get(tile.kind, tile.number)?.sha256;
    if (!(recorded instanceof Uint8Array)) throw archiveFault(tile, "is not on record");
    const bytes = this.#files.read({ ...tile, sha256: recorded });
    try {
      return parse(bytes, tile.number);
    } catch (thrown) {
      if (thrown instanceof RangeError) throw archiveFault(tile, `cannot be read: ${thrown.message}`);
      throw thrown;
    }
  }
}

export const intentTileOf = (id: number): number => Math.floor((id - 1) / archiveTileRows);
export const entryTileOf = (logIndex: number): number => Math.floor(logIndex / archiveTileRows);
