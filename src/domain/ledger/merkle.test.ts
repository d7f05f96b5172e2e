import fc from "fast-check";
import { expect, test } from "vitest";
import { toHex } from "../certificate/hex.ts";
import { leafHash, nodeHash, rootOfRow } from "./merkle-hash.ts";
import { consistencyProof, inclusionProof, type NodeSource, rootAt } from "./merkle-tree.ts";
import { verifyConsistency, verifyInclusion } from "./merkle-verify.ts";
import { type Tile, TileTree, tileNodes } from "./tile-tree.ts";

/** The eight entries that the reference implementation of Certificate Transparency is tested with, and their roots. */
const published = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
const publishedRoots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const entryOf = (index: number) => Buffer.from(`entry ${index}`);

/** RFC 9162 §2.1.1, written down as it stands. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1 && leaves[0]) return leaves[0];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

const leavesOf = (size: number) => Array.from({ length: size }, (_, index) => leafHash(entryOf(index)));
const nodesOf =
  (leaves: readonly Uint8Array[]): NodeSource =>
  (level, index) =>
    naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

/** A tree that was saved now and then, and its tiles as they were saved. */
function grown(size: number, saveEach: number) {
  const tiles = new Map<string, Uint8Array>();
  let tree = new TileTree();
  const save = () => {
    for (const { level, number, hashes } of tree.unsaved()) tiles.set(`${level}/${number}`, hashes.slice());
    tree.saved();
  };
  for (let index = 0; index < size; index += 1) {
    tree.append(leafHash(entryOf(index)));
    if (index % saveEach !== 0) continue;
    save();
    const saved: Tile[] = [...tiles].map(([name, hashes]) => {
      const [level, number] = name.split("/").map(Number);
      return { level: level!, number: number!, hashes };
    });
    tree = TileTree.resume(index + 1, saved);
  }
  save();
  return { tree, nodes: tileNodes((level, number) => tiles.get(`${level}/${number}`) ?? new Uint8Array()) };
}

test("T1: published entries have the published roots, and so has every tree that begins with them", () => {
  const tree = new TileTree();
  published.forEach((hex, index) => {
    expect(toHex(tree.root())).toBe(publishedRoots[index]);
    tree.append(leafHash(Buffer.from(hex, "hex")));
  });
  expect(toHex(tree.root())).toBe(publishedRoots[8]);
});

test("T1: a tree of tiles, saved and resumed at any moment, has the root that the definition gives", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1500 }), fc.integer({ min: 1, max: 700 }), (size, saveEach) => {
      const { tree, nodes } = grown(size, saveEach);
      const root = toHex(naiveRoot(leavesOf(size)));
      expect(toHex(tree.root())).toBe(root);
      expect(toHex(rootAt(nodes, size))).toBe(root);
    }),
    { numRuns: 25 },
  );
});

const treeAndPlace = fc
  .integer({ min: 1, max: 600 })
  .chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 0, max: size - 1 }), fc.nat(), fc.nat(255)));

test("T2: every entry has a proof that verifies, and no changed proof, place, leaf or root does", () => {
  fc.assert(
    fc.property(treeAndPlace, ([size, index, at, bit]) => {
      const leaves = leavesOf(size);
      const leaf = leaves[index]!;
      const tree = { size, root: naiveRoot(leaves) };
      const proof = inclusionProof(nodesOf(leaves), index, size);
      expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
      expect(verifyInclusion({ index, leaf }, tree, proof)).toBe(true);
      expect(verifyInclusion({ index, leaf: flipped(leaf, bit) }, tree, proof)).toBe(false);
      expect(verifyInclusion({ index, leaf }, { size, root: flipped(tree.root, bit) }, proof)).toBe(false);
      expect(verifyInclusion({ index: index + size, leaf }, tree, proof)).toBe(false);
      expect(verifyInclusion({ index, leaf }, tree, [...proof, leaf])).toBe(false);
      if (proof.length === 0) return;
      expect(verifyInclusion({ index: index ^ 1, leaf }, tree, proof)).toBe(false);
      expect(verifyInclusion({ index, leaf }, tree, flippedOne(proof, at, bit))).toBe(false);
      expect(verifyInclusion({ index, leaf }, tree, proof.slice(1))).toBe(false);
    }),
    { numRuns: 150 },
  );
});

test("T3: every beginning of a tree is shown to be one, and nothing else is", () => {
  fc.assert(
    fc.property(treeAndPlace, ([size, before, at, bit]) => {
      const leaves = leavesOf(size);
      const tree = { size, root: naiveRoot(leaves) };
      const old = { size: before + 1, root: naiveRoot(leaves.slice(0, before + 1)) };
      const proof = consistencyProof(nodesOf(leaves), old.size, size);
      expect(verifyConsistency(old, tree, proof)).toBe(true);
      expect(verifyConsistency({ ...old, root: flipped(old.root, bit) }, tree, proof)).toBe(false);
      expect(verifyConsistency(old, { size, root: flipped(tree.root, bit) }, proof)).toBe(false);
      expect(verifyConsistency(old, tree, [...proof, tree.root])).toBe(false);
      if (proof.length === 0) return;
      expect(verifyConsistency(tree, old, proof)).toBe(false);
      expect(verifyConsistency(old, tree, flippedOne(proof, at, bit))).toBe(false);
      expect(verifyConsistency(old, tree, proof.slice(1))).toBe(false);
    }),
    { numRuns: 150 },
  );
});

test("the root of a row is that of its tree", () => {
  const leaves = leavesOf(64);
  expect(toHex(rootOfRow(Buffer.concat(leaves)))).toBe(toHex(naiveRoot(leaves)));
});

function flipped(hash: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(hash);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

const flippedOne = (proof: readonly Uint8Array[], at: number, bit: number): Uint8Array[] =>
  proof.map((hash, index) => (index === at % proof.length ? flipped(hash, bit) : hash));
