import { sha256 } from "../../foundation/digest.ts";

/** Bytes of one hash of the tree. */
export const hashSize = 32;

const leafPrefix = 0x00;
const nodePrefix = 0x01;

/** The byte that stands before an entry in what its leaf hash is made of (RFC 9162 §2.1.1). */
export const leafHashPrefix = Uint8Array.of(leafPrefix);

/** RFC 9162 §2.1.1: SHA-256 of 0x00 and the entry. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + entry.length);
  input[0] = leafPrefix;
  input.set(entry, 1);
  return sha256(input);
}

const nodeInput = new Uint8Array(1 + 2 * hashSize);
nodeInput[0] = nodePrefix;

/** RFC 9162 §2.1.1: SHA-256 of 0x01 and the two hashes below. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashSize);
  return sha256(nodeInput);
}

/** The root over hashes that lie side by side, a power of two of them. */
export function rootOfRow(row: Uint8Array): Uint8Array {
  if (row.length === hashSize) return row;
  const above = new Uint8Array(row.length / 2);
  for (let at = 0; at < row.length; at += 2 * hashSize) {
    nodeInput.set(row.subarray(at, at + 2 * hashSize), 1);
    above.set(sha256(nodeInput), at / 2);
  }
  return rootOfRow(above);
}

/** The root of a tree without entries (RFC 9162 §2.1.1). */
export const emptyRoot: Uint8Array = sha256(new Uint8Array());
