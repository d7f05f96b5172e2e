import { emptyRoot, nodeHash } from "./merkle-hash.ts";

/**
 * The hash of a complete subtree: of the 2^level entries from index × 2^level on. It is asked only for subtrees that lie
 * wholly within the size that a function below was given.
 */
export type NodeSource = (level: number, index: number) => Uint8Array;

/** Entries [start, end) of a log. */
type Range = { readonly start: number; readonly end: number };

/** RFC 9162 §2.1.1: the root of the tree over the first `size` entries. */
export const rootAt = (node: NodeSource, size: number): Uint8Array =>
  size === 0 ? emptyRoot : rangeHash(node, { start: 0, end: size });

/**
 * RFC 9162 §2.1.3.1: the hashes from an entry's neighbour up to below the root. Throws a RangeError unless
 * index < size.
 */
export function inclusionProof(node: NodeSource, index: number, size: number): Uint8Array[] {
  if (!(index >= 0 && index < size)) throw new RangeError(`entry ${index} is not in a tree of ${size}`);
  const proof: Uint8Array[] = [];
  let range: Range = { start: 0, end: size };
  while (range.end - range.start > 1) {
    const [left, right] = split(range);
    const isLeft = index < left.end;
    proof.push(rangeHash(node, isLeft ? right : left));
    range = isLeft ? left : right;
  }
  return proof.reverse();
}

/**
 * RFC 9162 §2.1.4.1: what shows that the tree of `size` entries begins with that of `old` entries. Empty where they are
 * the same or the old one has none. Throws a RangeError unless old ≤ size.
 */
export function consistencyProof(node: NodeSource, old: number, size: number): Uint8Array[] {
  if (!(old >= 0 && old <= size)) throw new RangeError(`${old} entries are not the beginning of ${size}`);
  if (old === 0 || old === size) return [];
  const proof: Uint8Array[] = [];
  let range: Range = { start: 0, end: size };
  while (range.end !== old) {
    const [left, right] = split(range);
    const isLeft = old <= left.end;
    proof.push(rangeHash(node, isLeft ? right : left));
    range = isLeft ? left : right;
  }
  // The old tree's last subtree is known to whoever knows the old root, if it is all of the old tree.
  if (range.start > 0) proof.push(rangeHash(node, range));
  return proof.reverse();
}

function rangeHash(node: NodeSource, range: Range): Uint8Array {
  const size = range.end - range.start;
  const level = Math.log2(size);
  if (Number.isInteger(level)) return node(level, range.start / size);
  const [left, right] = split(range);
  return nodeHash(rangeHash(node, left), rangeHash(node, right));
}

/** At the largest power of two below its size: the left part is complete. */
function split({ start, end }: Range): [Range, Range] {
  const middle = start + largestPowerBelow(end - start);
  return [
    { start, end: middle },
    { start: middle, end },
  ];
}

function largestPowerBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
