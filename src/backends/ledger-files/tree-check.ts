import type { DatabaseSync, StatementSync } from "node:sqlite";
import { sameBytes, toHex } from "../../domain/certificate/hex.ts";
import { openCheckpoint } from "../../domain/ledger/checkpoint.ts";
import { hashSize } from "../../domain/ledger/merkle-hash.ts";
import { parseVerifierKey } from "../../domain/ledger/signed-note.ts";
import { TileTree, tileWidth } from "../../domain/ledger/tile-tree.ts";
import { verifyEd25519 } from "./verify-ed25519.ts";

/** Builds the tree anew from its leaves and holds the stored tiles and checkpoints against it. */
export class TreeCheck {
  readonly #tree = new TileTree();
  readonly #tile: StatementSync;
  readonly #nextCheckpoint: StatementSync;
  readonly #verifierKey: string;
  /** Size and note of the next checkpoint to compare. */
  #next: { size: number; note: string } | undefined;

  constructor(database: DatabaseSync) {
    this.#tile = database.prepare("SELECT hashes FROM tiles WHERE level = ? AND number = ?");
    this.#nextCheckpoint = database.prepare(
      "SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT 1",
    );
    this.#verifierKey = String(database.prepare("SELECT verifier FROM log_key").get()?.verifier ?? "");
    this.#advance(0);
  }

  /** Flaws of the checkpoint over what has been added, if there is one. */
  add(leafHash: Uint8Array): string[] {
    this.#tree.append(leafHash);
    if (this.#next?.size !== this.#tree.size) return [];
    const flaw = this.#checkpointFlaw(this.#next.note);
    this.#advance(this.#tree.size);
    return flaw ? [`the checkpoint of ${this.#tree.size} entries ${flaw}`] : [];
  }

  /** Takes the stored hashes for the entries up to here, whose own bytes cannot be read; flaws as of `add`. */
  passOver(upTo: number): string[] {
    const flaws: string[] = [];
    while (this.#tree.size < upTo) {
      const { size } = this.#tree;
      const number = Math.floor(size / tileWidth);
      const stored = this.#tile.get(0, number)?.hashes;
      const row = stored instanceof Uint8Array ? stored : new Uint8Array(tileWidth * hashSize);
      for (let at = size % tileWidth; at < tileWidth && this.#tree.size < upTo; at += 1) {
        flaws.push(...this.add(row.slice(at * hashSize, (at + 1) * hashSize)));
      }
    }
    return flaws;
  }

  /** Flaws of the tiles that have changed since the last call. A stored tile may be longer than what was added. */
  compareTiles(): string[] {
    const flaws: string[] = [];
    for (const { level, number, hashes } of this.#tree.unsaved()) {
      const stored = this.#tile.get(level, number)?.hashes;
      // What was recorded in the last second has no tile yet.
      if (!(stored instanceof Uint8Array)) continue;
      const common = Math.min(stored.length, hashes.length);
      if (!sameBytes(stored.subarray(0, common), hashes.subarray(0, common))) {
        flaws.push(`tile ${number} of level ${level} does not hold the hashes of its entries`);
      }
    }
    this.#tree.saved();
    return flaws;
  }

  #advance(size: number): void {
    const row = this.#nextCheckpoint.get(size);
    this.#next = row && { size: Number(row.size), note: String(row.note) };
  }

  #checkpointFlaw(note: string): string | undefined {
    const key = parseVerifierKey(this.#verifierKey);
    if (!key.ok) return `cannot be verified: the log's key is ${key.error}`;
    const checkpoint = openCheckpoint(note, key.value, verifyEd25519);
    if (!checkpoint.ok) return `is not the log's: ${checkpoint.error}`;
    if (checkpoint.value.size !== this.#tree.size) return `says ${checkpoint.value.size}`;
    const root = this.#tree.root();
    if (sameBytes(root, checkpoint.value.root)) return undefined;
    return `has the root ${toHex(checkpoint.value.root)}, but its entries have ${toHex(root)}`;
  }
}
