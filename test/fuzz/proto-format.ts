import type { SeededRandom } from "./seeded-random.ts";
import type { Node, TreeFormat } from "./tree.ts";

const none = new Uint8Array();
const join = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
const lengthDelimited = 2;

function varint(value: bigint): Uint8Array {
  const octets: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const septet = Number(rest & 0x7fn);
    rest >>= 7n;
    octets.push(rest === 0n ? septet : septet | 0x80);
  } while (rest > 0n);
  return Uint8Array.from(octets);
}

const wrap = (tag: number, content: Uint8Array): Uint8Array =>
  (tag & 7) === lengthDelimited
    ? join(varint(BigInt(tag)), varint(BigInt(content.length)), content)
    : join(varint(BigInt(tag)), content);

function readVarint(bytes: Uint8Array, at: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let count = 0; count < 10; count += 1) {
    const octet = bytes[at + count];
    if (octet === undefined) return undefined;
    value += (octet & 0x7f) * 2 ** (7 * count);
    if (octet < 0x80) return { value, next: at + count + 1 };
  }
  return undefined;
}

/** Where a field's content lies, by its wire type (https://protobuf.dev/programming-guides/encoding/). */
function extentOf(bytes: Uint8Array, at: number, wireType: number): { from: number; to: number } | undefined {
  const fixed: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
  const size = fixed[wireType];
  if (size !== undefined) return { from: at, to: at + size };
  const number = readVarint(bytes, at);
  if (number === undefined) return undefined;
  if (wireType === 0) return { from: at, to: number.next };
  return wireType === lengthDelimited ? { from: number.next, to: number.next + number.value } : undefined;
}

function parse(bytes: Uint8Array, parent: Node | undefined): readonly Node[] | undefined {
  const found: Node[] = [];
  for (let at = 0; at < bytes.length; ) {
    const key = readVarint(bytes, at);
    const extent = key && extentOf(bytes, key.next, key.value & 7);
    if (
      key === undefined ||
      extent === undefined ||
      extent.to > bytes.length ||
      key.value > 0xffff ||
      key.value < 8
    )
      return undefined;
    const [whole, content] = [bytes.subarray(at, extent.to), bytes.subarray(extent.from, extent.to)];
    const node = { whole, content, lead: none, parent, tag: key.value, children: [] as readonly Node[] };
    if ((key.value & 7) === lengthDelimited && content.length > 1) node.children = parse(content, node) ?? [];
    found.push(node);
    at = extent.to;
  }
  return found;
}

const numbers = [0n, 1n, -1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
const texts = [
  "",
  "__proto__",
  "constructor",
  "toString",
  "spiffe://",
  "spiffe://mesh.test/a",
  "\u0000",
  "\ud800",
  "../../etc/passwd",
  "ALL",
  "ROOTCA",
  "0".repeat(64),
  "9".repeat(30),
  "-1",
  "x".repeat(3000),
  "'; --",
];
const text = (random: SeededRandom): Uint8Array => Buffer.from(random.pick(texts));

const bends: TreeFormat["bends"] = [
  ({ tag, content }, random) => wrap((tag & ~7) | random.below(8), content),
  ({ content }, random) => wrap(8 * (1 + random.below(30)) + 2, content),
  ({ tag }, random) => join(varint(BigInt(tag & ~7)), varint(random.pick(numbers))),
  ({ tag }, random) => wrap((tag & ~7) | lengthDelimited, text(random)),
  ({ tag, content }, random) => join(varint(BigInt(tag)), varint(random.pick(numbers)), content),
  ({ tag }, random) => wrap((tag & ~7) | lengthDelimited, random.bytes(random.below(40))),
  ({ whole }, random) => join(...Array.from({ length: random.once(10) ? 2000 : 30 }, () => whole)),
  ({ whole }, random) => join(whole, varint(BigInt(8 * (20 + random.below(99)) + 3)), whole),
  ({ whole, tag }) => {
    let bytes = whole;
    for (let count = 0; count < 120; count += 1) bytes = wrap((tag & ~7) | lengthDelimited, bytes);
    return bytes;
  },
];

export const protoFormat: TreeFormat = { parse, wrap, bends };
