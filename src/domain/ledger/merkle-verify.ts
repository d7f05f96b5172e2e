import { sameBytes } from "../certificate/hex.ts";
import { emptyRoot, nodeHash } from "./merkle-hash.ts";

export type TreeHead = { readonly size: number; readonly root: Uint8Array };

/** RFC 9162 §2.1.3.2: whether the proof leads from the entry's leaf hash to the root. */
export function verifyInclusion(
  { index, leaf }: { readonly index: number; readonly leaf: Uint8Array },
  tree: TreeHead,
  proof: readonly Uint8Array[],
): boolean {
  if (!(index >= 0 && index < tree.size)) return false;
  let [from, last] = [index, tree.size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(from) || from === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(from) && from !== 0) [from, last] = [half(from), half(last)];
    } else hash = nodeHash(hash, sibling);
    [from, last] = [half(from), half(last)];
  }
  return last === 0 && sameBytes(hash, tree.root);
}

/** RFC 9162 §2.1.4.2: whether the proof shows that the new tree begins with the old one. */
export function verifyConsistency(old: TreeHead, tree: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (old.size > tree.size) return false;
  if (old.size === tree.size) return proof.length === 0 && sameBytes(old.root, tree.root);
  if (old.size === 0) return proof.length === 0 && sameBytes(old.root, emptyRoot);
  let [from, last] = [old.size - 1, tree.size - 1];
  while (isOdd(from)) [from, last] = [half(from), half(last)];
  // Where the old tree is complete its root is the first hash, and nobody needs to be told it.
  const [first, ...rest] = from === 0 ? [old.root, ...proof] : proof;
  if (first === undefined) return false;
  let [oldHash, newHash] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(from) || from === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (!isOdd(from) && from !== 0) [from, last] = [half(from), half(last)];
    } else newHash = nodeHash(newHash, sibling);
    [from, last] = [half(from), half(last)];
  }
  return last === 0 && sameBytes(oldHash, old.root) && sameBytes(newHash, tree.root);
}

const isOdd = (value: number): boolean => value % 2 === 1;
const half = (value: number): number => Math.floor(value / 2);
