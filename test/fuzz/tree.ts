import type { SeededRandom } from "./seeded-random.ts";

/** A value of a nested format: all of its bytes, those inside it, and the values among these if it holds any. */
export type Node = {
  readonly whole: Uint8Array;
  readonly content: Uint8Array;
  /** Bytes of the content before the first child, such as a BIT STRING's count of unused bits. */
  readonly lead: Uint8Array;
  readonly children: readonly Node[];
  readonly parent: Node | undefined;
  /** DER: the identifier octet; protobuf: the field's key. */
  readonly tag: number;
};

/** How a nested format is written; lengths are put right around a change, so that it is reached at all. */
export type TreeFormat = {
  /** Values side by side; undefined where the bytes are none. */
  parse(bytes: Uint8Array, parent: Node | undefined): readonly Node[] | undefined;
  /** The value with another content and the right length. */
  wrap(tag: number, content: Uint8Array): Uint8Array;
  /** Ways to bend one value, for this format's own weaknesses. */
  readonly bends: readonly ((node: Node, random: SeededRandom) => Uint8Array)[];
};

/** Every value in the bytes, outermost first; empty where they cannot be read. */
export function nodesOf(format: TreeFormat, bytes: Uint8Array): readonly Node[] {
  const all: Node[] = [];
  const queue = [...(format.parse(bytes, undefined) ?? [])];
  for (let node = queue.pop(); node !== undefined && all.length < 2000; node = queue.pop()) {
    all.push(node);
    queue.push(...node.children);
  }
  return all;
}

const join = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** The outermost bytes after `node` has become `by`; every length around it is right. */
function replaced(
  format: TreeFormat,
  { node, by, roots }: { node: Node; by: Uint8Array; roots: readonly Node[] },
): Uint8Array {
  let [changed, bytes] = [node, by];
  for (let parent = node.parent; parent !== undefined; parent = parent.parent) {
    const inside = [
      parent.lead,
      ...parent.children.map((child) => (child === changed ? bytes : child.whole)),
    ];
    bytes = format.wrap(parent.tag, join(inside));
    changed = parent;
  }
  return join(roots.map((root) => (root === changed ? bytes : root.whole)));
}

/** Bends one value somewhere in the tree: gone, twice, another's, inside another, or as the format has it. */
export function mutateTree(
  format: TreeFormat,
  { nodes, others }: { nodes: readonly Node[]; others: readonly Node[] },
  random: SeededRandom,
): Uint8Array {
  const node = random.pick(nodes);
  const roots = nodes.filter(({ parent }) => parent === undefined);
  const general = [
    () => new Uint8Array(),
    () => join([node.whole, node.whole]),
    () => random.pick(others).whole,
    () => join([node.whole, random.pick(others).whole]),
    () => format.wrap(random.pick(others).tag, node.content),
    () => format.wrap(node.tag, random.pick(others).content),
    () => format.wrap(node.tag, random.bytes(random.below(24))),
    () => format.wrap(node.tag, new Uint8Array()),
    () => format.wrap(node.tag, node.whole),
    () => format.wrap(node.tag, node.content.subarray(0, random.below(node.content.length + 1))),
  ];
  const bends = format.bends.map((bend) => () => bend(node, random));
  const by = random.pick(random.once(2) ? general : bends)();
  return replaced(format, { node, by, roots: roots.toReversed() });
}
