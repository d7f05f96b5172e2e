import { emptyRoot, hashSize, nodeHash, rootOfRow } from "./merkle-hash.ts";
import type { NodeSource } from "./merkle-tree.ts";

/** Levels of the tree that one tile spans, and hashes that a full one holds (C2SP tlog-tiles). */
const tileHeight = 8;
export const tileWidth = 2 ** tileHeight;

/** Hashes side by side, up to `tileWidth` of them: tile `number` of tile level `level`. */
export type Tile = { readonly level: number; readonly number: number; readonly hashes: Uint8Array };

type Edge = { row: Uint8Array; width: number; number: number; isDirty: boolean };

/**
 * The growing right edge of a tree as tiles: one unfinished tile a level, which is all that appending and the root need.
 * What became full or longer is kept until `saved`.
 */
export class TileTree {
  readonly #edges: Edge[] = [];
  #full: Tile[] = [];
  #size = 0;

  /** Goes on from the unfinished tiles of a tree of `size` entries, one for each level that has one. */
  static resume(size: number, unfinished: readonly Tile[]): TileTree {
    const tree = new TileTree();
    tree.#size = size;
    let number = size;
    for (let level = 0; number > 0; level += 1) {
      const width = number % tileWidth;
      number = Math.floor(number / tileWidth);
      const edge = tree.#edge(level);
      edge.number = number;
      if (width === 0) continue;
      const tile = unfinished.find((candidate) => candidate.level === level && candidate.number === number);
      if (!tile || tile.hashes.length < width * hashSize) {
        throw new RangeError(`tile ${number} of level ${level} is missing or has fewer than ${width} hashes`);
      }
      edge.row.set(tile.hashes.subarray(0, width * hashSize));
      edge.width = width;
    }
    return tree;
  }

  get size(): number {
    return this.#size;
  }

  append(leafHash: Uint8Array): void {
    this.#push(0, leafHash);
    this.#size += 1;
  }

  /** RFC 9162 §2.1.1. */
  root(): Uint8Array {
    let root: Uint8Array | undefined;
    for (const { row, width } of this.#edges) {
      // Complete subtrees from the smallest, at the right, to the largest.
      for (let span = 1, end = width; end > 0; span *= 2) {
        if ((end & span) === 0) continue;
        const left = rootOfRow(row.subarray((end - span) * hashSize, end * hashSize));
        root = root ? nodeHash(left, root) : left;
        end -= span;
      }
    }
    return root ?? emptyRoot;
  }

  /** Tiles that are new or longer since `saved`. Their bytes change with the next append. */
  unsaved(): Tile[] {
    return [...this.#full, ...this.edge().filter(({ level }) => this.#edges[level]?.isDirty)];
  }

  /** The unfinished tiles. */
  edge(): Tile[] {
    return this.#edges.flatMap(({ row, width, number }, level) =>
      width > 0 ? [{ level, number, hashes: row.subarray(0, width * hashSize) }] : [],
    );
  }

  saved(): void {
    this.#full = [];
    for (const edge of this.#edges) edge.isDirty = false;
  }

  #push(level: number, hash: Uint8Array): void {
    const edge = this.#edge(level);
    edge.row.set(hash, edge.width * hashSize);
    edge.width += 1;
    edge.isDirty = true;
    if (edge.width < tileWidth) return;
    this.#full.push({ level, number: edge.number, hashes: edge.row });
    this.#push(level + 1, rootOfRow(edge.row));
    Object.assign(edge, { row: newRow(), width: 0, number: edge.number + 1, isDirty: false });
  }

  #edge(level: number): Edge {
    this.#edges[level] ??= { row: newRow(), width: 0, number: 0, isDirty: false };
    return this.#edges[level];
  }
}

const newRow = (): Uint8Array => new Uint8Array(tileWidth * hashSize);

/** Finds the hashes of subtrees in tiles. A tile may hold more hashes than are asked for, never fewer. */
export function tileNodes(tileOf: (level: number, number: number) => Uint8Array): NodeSource {
  return (level, index) => {
    const tileLevel = Math.floor(level / tileHeight);
    const span = 2 ** (level % tileHeight);
    const first = index * span;
    const number = Math.floor(first / tileWidth);
    const from = (first % tileWidth) * hashSize;
    const row = tileOf(tileLevel, number).subarray(from, from + span * hashSize);
    if (row.length < span * hashSize)
      throw new RangeError(`tile ${number} of level ${tileLevel} is too short`);
    return rootOfRow(row);
  };
}
