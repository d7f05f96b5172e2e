import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SealedTile } from "../../control/ledger/ledger-archiver.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import {
  type ArchivedIntent,
  archiveTileRows,
  writeEntryTile,
  writeIntentTile,
} from "../../domain/ledger/archive-tile.ts";
import { ByteWriter } from "../../domain/ledger/byte-writer.ts";
import { readLogEntry } from "../../domain/ledger/log-entry.ts";
import { hashSize, leafHash } from "../../domain/ledger/merkle-hash.ts";
import { tileWidth } from "../../domain/ledger/tile-tree.ts";
import { Fault } from "../../foundation/fault.ts";
import { ArchiveFiles } from "./archive-files.ts";
import type { EntryRow } from "./entry-rows.ts";
import { outcomeKinds } from "./ledger-tables.ts";
import { SerialSearch } from "./serial-blocks.ts";

type DueEntry = EntryRow & { readonly not_after: number | null };

/** Makes archive tiles of the oldest rows, on a reading connection: the file and nothing else is written. */
export class TileBuilder {
  readonly #database: DatabaseSync;
  readonly #files: ArchiveFiles;
  readonly #serials: SerialSearch;
  readonly #extent: StatementSync;
  readonly #entries: StatementSync;
  readonly #intents: StatementSync;
  readonly #tile: StatementSync;
  readonly #bytes = new ByteWriter(1 << 22);

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    this.#files = new ArchiveFiles(file);
    this.#serials = new SerialSearch(this.#database);
    this.#extent = this.#database.prepare(`
      SELECT a.entries, a.intents, d.entries AS derived FROM archived a, derived d`);
    this.#entries = this.#database.prepare(`
      SELECT e.log_index, e.intent, e.outcome, e.body, i.not_after
      FROM entries e LEFT JOIN intents i ON i.id = e.intent
      WHERE e.log_index >= ? AND e.log_index < ? ORDER BY e.log_index`);
    this.#intents = this.#database.prepare(`
      SELECT i.authority, i.serial, i.tbs_sha256 AS tbsSha256, i.subject, i.not_after AS notAfter, i.at,
        x.log_index AS logIndex, x.outcome
      FROM intents i JOIN ends x ON x.intent = i.id
      WHERE i.id > :after AND i.id <= :upTo AND x.log_index < :archived ORDER BY i.id`);
    this.#tile = this.#database.prepare("SELECT hashes FROM tiles WHERE level = 0 AND number = ?");
  }

  /** Throws LEDGER_FAILED where the rows are not what the tree says: they are never sealed. */
  build(expiredBefore: number): SealedTile | undefined {
    this.#bytes.reset();
    const tile = this.#inOneMoment(() => this.#dueEntries(expiredBefore) ?? this.#dueIntents());
    return tile && { ...tile, sha256: this.#files.write(tile, this.#bytes.view()) };
  }

  close(): void {
    this.#database.close();
  }

  #inOneMoment<T>(read: () => T): T {
    this.#database.exec("BEGIN");
    try {
      return read();
    } finally {
      this.#database.exec("COMMIT");
    }
  }

  #dueEntries(expiredBefore: number): Omit<SealedTile, "sha256"> | undefined {
    const { entries: first, derived } = this.#extent.get() as { entries: number; derived: number };
    if (first + archiveTileRows > derived) return undefined;
    const rows: (EntryRow & { body: Uint8Array })[] = [];
    for (const row of this.#entries.iterate(first, first + archiveTileRows) as Iterable<DueEntry>) {
      const { body } = row;
      if (row.log_index !== first + rows.length || body === null) break;
      if (expiryOf(row) >= expiredBefore) return undefined;
      rows.push({ ...row, body });
    }
    this.#requireSound(rows, first);
    const number = first / archiveTileRows;
    writeEntryTile(this.#bytes, number, rows);
    const of = (kind: (typeof outcomeKinds)[number]) =>
      rows.filter(({ outcome }) => outcomeKinds[outcome] === kind).length;
    return { kind: "entries", number, certificates: of("certificate"), events: of("event") };
  }

  /** What does not have the hashes that the tree was built from is no entry of this log any more. */
  #requireSound(rows: readonly { readonly body: Uint8Array }[], first: number): void {
    for (let at = 0; at < archiveTileRows; at += 1) {
      const index = first + at;
      const tile = this.#tile.get(Math.floor(index / tileWidth))?.hashes;
      const from = (index % tileWidth) * hashSize;
      const body = rows[at]?.body;
      const isSound =
        body !== undefined &&
        tile instanceof Uint8Array &&
        sameBytes(leafHash(body), tile.subarray(from, from + hashSize));
      if (isSound) continue;
      const remedy = "nothing is archived: run `meshmint ledger verify`";
      throw new Fault("LEDGER_FAILED", `log entry ${index} is missing or was changed; ${remedy}`);
    }
  }

  /** Only those whose ends are archived, and whose serials are in a full block: the newest are read back at each start. */
  #dueIntents(): Omit<SealedTile, "sha256"> | undefined {
    const { intents: after, entries } = this.#extent.get() as { intents: number; entries: number };
    const upTo = after + archiveTileRows;
    if (upTo > this.#serials.covered()) return undefined;
    const rows = this.#intents.all({ after, upTo, archived: entries }) as unknown as ArchivedIntent[];
    if (rows.length < archiveTileRows) return undefined;
    const number = after / archiveTileRows;
    writeIntentTile(this.#bytes, number, rows);
    return { kind: "intents", number, certificates: 0, events: 0 };
  }
}

/** A certificate's or a closed intent's notAfter, an event's moment. */
function expiryOf({ log_index: index, intent, body, not_after }: DueEntry): number {
  if (intent !== null) {
    if (not_after !== null) return not_after;
    throw new Fault(
      "LEDGER_FAILED",
      `log entry ${index} ends an intent that is not there: nothing is archived`,
    );
  }
  const entry = readLogEntry(body ?? new Uint8Array());
  if (entry.ok) return entry.value.at;
  throw new Fault("LEDGER_FAILED", `log entry ${index} cannot be read: ${entry.error}; nothing is archived`);
}
