import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { LogHead } from "../../control/ledger/ledger-log.ts";
import { parseCheckpoint } from "../../domain/ledger/checkpoint.ts";
import { emptyRoot } from "../../domain/ledger/merkle-hash.ts";
import {
  consistencyProof,
  inclusionProof,
  type NodeSource,
  rootAt,
} from "../../domain/ledger/merkle-tree.ts";
import { tileNodes } from "../../domain/ledger/tile-tree.ts";
import { Fault } from "../../foundation/fault.ts";
import type { EntryRows } from "./entry-rows.ts";

const pageEntries = 1000;
/** Fits a gRPC message with room to spare. */
const pageBytes = 1 << 20;

/** The log's head, proofs and entries, from the tiles. */
export class LogQueries {
  readonly #head: StatementSync;
  readonly #tile: StatementSync;
  readonly #rows: EntryRows;

  constructor(database: DatabaseSync, rows: EntryRows) {
    this.#head = database.prepare(`
      SELECT k.verifier, c.size, c.note, c.at, r.entries FROM log_key k, recorded r
      LEFT JOIN (SELECT * FROM checkpoints ORDER BY size DESC LIMIT 1) c ON true`);
    this.#tile = database.prepare("SELECT hashes FROM tiles WHERE level = ? AND number = ?");
    this.#rows = rows;
  }

  head(): LogHead {
    const row = this.#head.get();
    if (!row)
      throw new Fault("LEDGER_FAILED", "the ledger has no key for checkpoints: start its server once");
    const verifierKey = String(row.verifier);
    const behind = Number(row.entries) - Number(row.size ?? 0);
    if (typeof row.note !== "string") {
      return { size: 0, root: emptyRoot, note: "", verifierKey, at: new Date(0), behind };
    }
    const checkpoint = parseCheckpoint(row.note);
    if (!checkpoint.ok)
      throw new Fault("LEDGER_FAILED", `the newest checkpoint was changed: ${checkpoint.error}`);
    const { size, root } = checkpoint.value;
    return { size, root, note: row.note, verifierKey, at: new Date(Number(row.at)), behind };
  }

  inclusion(index: number, size: number): Uint8Array[] {
    this.#mustHold(size);
    if (!(index >= 0 && index < size))
      throw new Fault("INVALID_ARGUMENT", `entry ${index} is not in a tree of ${size}`);
    return inclusionProof(this.#nodes(), index, size);
  }

  consistency(old: number, size: number): { oldRoot: Uint8Array; proof: Uint8Array[] } {
    this.#mustHold(size);
    if (!(old >= 0 && old <= size))
      throw new Fault("INVALID_ARGUMENT", `${old} entries are more than ${size}`);
    const nodes = this.#nodes();
    return { oldRoot: rootAt(nodes, old), proof: consistencyProof(nodes, old, size) };
  }

  entries(from: number, upTo: number): Uint8Array[] {
    const page: Uint8Array[] = [];
    let bytes = 0;
    for (const { log_index, body } of this.#rows.between(from, Math.min(upTo, from + pageEntries))) {
      bytes += body?.length ?? 0;
      if (page.length > 0 && bytes > pageBytes) break;
      if (body === null || log_index !== from + page.length) break;
      page.push(body);
    }
    if (page.length === 0 && from < upTo) throw new Fault("LEDGER_FAILED", `log entry ${from} is missing`);
    return page;
  }

  #nodes(): NodeSource {
    const tiles = new Map<string, Uint8Array>();
    return tileNodes((level, number) => {
      const name = `${level}/${number}`;
      const known = tiles.get(name);
      if (known) return known;
      const hashes = this.#tile.get(level, number)?.hashes;
      if (!(hashes instanceof Uint8Array))
        throw new Fault("LEDGER_FAILED", `tile ${name} of the log is missing`);
      tiles.set(name, hashes);
      return hashes;
    });
  }

  #mustHold(size: number): void {
    const head = this.head();
    if (size > head.size) {
      throw new Fault("INVALID_ARGUMENT", `the newest checkpoint is of ${head.size} entries, not of ${size}`);
    }
  }
}
