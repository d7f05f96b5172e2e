import type { DatabaseSync, StatementSync } from "node:sqlite";
import { leafHash } from "../../domain/ledger/merkle-hash.ts";
import type { TreeHead } from "../../domain/ledger/merkle-verify.ts";
import { type Tile, TileTree } from "../../domain/ledger/tile-tree.ts";
import { sha256 } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";
import type { LedgerState } from "./ledger-state.ts";

/** Intents whose times are summed up in one row. */
export const spanIntents = 1024;

/**
 * Keeps what is derived from the recorded rows: the tree grows with each commit in memory, and all is written about once
 * a second. What a crash leaves unwritten is derived again from the rows when the ledger is opened.
 */
export class Derivation {
  readonly #database: DatabaseSync;
  readonly #state: LedgerState;
  readonly #tree: TileTree;
  readonly #saveTile: StatementSync;
  readonly #steps: readonly StatementSync[];
  readonly #setDerived: StatementSync;
  #derived: { readonly intents: number; readonly entries: number };

  constructor(database: DatabaseSync, state: LedgerState) {
    this.#database = database;
    this.#state = state;
    this.#saveTile = database.prepare(
      "INSERT INTO tiles VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hashes = excluded.hashes",
    );
    this.#steps = [endsStep, spansStep].map((sql) => database.prepare(sql));
    this.#setDerived = database.prepare("UPDATE derived SET intents = ?, entries = ?, settled = ?");
    const row = database.prepare("SELECT intents, entries FROM derived").get();
    this.#derived = { intents: Number(row?.intents), entries: Number(row?.entries) };
    requireArchivedIsDerived(database, this.#derived.entries);
    this.#tree = TileTree.resume(this.#derived.entries, readUnfinishedTiles(database, this.#derived.entries));
    const rest = database.prepare("SELECT body FROM entries WHERE log_index >= ? ORDER BY log_index");
    for (const { body } of rest.iterate(this.#derived.entries))
      this.#tree.append(leafHash(body as Uint8Array));
  }

  get size(): number {
    return this.#tree.size;
  }

  /** Whether something was recorded since `write`. */
  get isBehind(): boolean {
    const { intents, entries } = this.#state.counts;
    return this.#derived.intents < intents || this.#derived.entries < entries;
  }

  /** A new entry's bytes behind their leaf prefix, once they are committed. */
  append(prefixed: Uint8Array): void {
    this.#tree.append(sha256(prefixed));
  }

  /** Writes all in one transaction. When it throws nothing is lost: the next call writes it. */
  write(alsoWrite: (tree: TreeHead) => void): void {
    const { intents, entries } = this.#state.counts;
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const since = { intents: this.#derived.intents, entries: this.#derived.entries };
      for (const step of this.#steps) step.run(since);
      for (const { level, number, hashes } of this.#tree.unsaved()) this.#saveTile.run(level, number, hashes);
      this.#state.serials.save();
      this.#setDerived.run(intents, entries, this.#settled());
      alsoWrite({ size: entries, root: this.#tree.root() });
      this.#database.exec("COMMIT");
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw thrown;
    }
    this.#tree.saved();
    this.#state.serials.wasSaved();
    this.#derived = { intents, entries };
  }

  /** No intent up to this one is open. */
  #settled(): number {
    let settled = this.#state.counts.intents;
    for (const { id } of this.#state.open.values()) settled = Math.min(settled, id - 1);
    return settled;
  }
}

/** What is derived of archived rows cannot be made anew from rows. */
function requireArchivedIsDerived(database: DatabaseSync, derived: number): void {
  const archived = Number(database.prepare("SELECT entries FROM archived").get()?.entries);
  if (archived <= derived) return;
  throw new Fault(
    "LEDGER_FAILED",
    `${archived} log entries are archived, but the tree has ${derived}: put the ledger back from a backup`,
  );
}

const endsStep = `
  INSERT OR IGNORE INTO ends SELECT intent, log_index, outcome FROM entries
  WHERE log_index >= :entries AND intent IS NOT NULL AND :intents >= 0 ORDER BY intent`;

const spansStep = `
  INSERT INTO spans
  SELECT (id - 1) / ${spanIntents} AS span, min(at), max(at), max(not_after) FROM intents
  WHERE id > :intents / ${spanIntents} * ${spanIntents} AND :entries >= 0 GROUP BY span
  ON CONFLICT DO UPDATE SET earliest = excluded.earliest, latest = excluded.latest, expiry = excluded.expiry`;

function readUnfinishedTiles(database: DatabaseSync, size: number): Tile[] {
  const find = database.prepare("SELECT hashes FROM tiles WHERE level = ? AND number = ?");
  const tiles: Tile[] = [];
  let number = size;
  for (let level = 0; number > 0; level += 1) {
    number = Math.floor(number / 256);
    const row = find.get(level, number);
    if (row) tiles.push({ level, number, hashes: row.hashes as Uint8Array });
  }
  return tiles;
}
