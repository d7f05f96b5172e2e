import type { SeededRandom } from "./seeded-random.ts";
import type { Node, TreeFormat } from "./tree.ts";

const none = new Uint8Array();
const join = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);
const bitString = 0x03;
const octetString = 0x04;

function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}

const wrap = (tag: number, content: Uint8Array): Uint8Array =>
  join(Uint8Array.of(tag), lengthOctets(content.length), content);

/** Where the contents of the value at `at` lie; undefined where there is no value of definite length. */
function extentOf(bytes: Uint8Array, at: number): { from: number; to: number } | undefined {
  const first = bytes[at + 1];
  if (first === undefined || first === 0x80 || first > 0x83) return undefined;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  let length = octets === 0 ? first : 0;
  for (let count = 0; count < octets; count += 1) length = length * 256 + (bytes[at + 2 + count] ?? 0);
  const from = at + 2 + octets;
  return from + length <= bytes.length ? { from, to: from + length } : undefined;
}

/** Constructed values have children, and so have strings whose bytes are DER once more. */
function parse(bytes: Uint8Array, parent: Node | undefined): readonly Node[] | undefined {
  const found: Node[] = [];
  for (let at = 0; at < bytes.length; ) {
    const extent = extentOf(bytes, at);
    if (extent === undefined) return undefined;
    found.push(nodeOf(bytes.subarray(at, extent.to), bytes.subarray(extent.from, extent.to), parent));
    at = extent.to;
  }
  return found;
}

function nodeOf(whole: Uint8Array, content: Uint8Array, parent: Node | undefined): Node {
  const tag = whole[0] ?? 0;
  const holds = (tag & 0x20) !== 0 || tag === bitString || tag === octetString;
  const lead = tag === bitString ? content.subarray(0, 1) : none;
  const node = { whole, content, lead, parent, tag, children: [] as readonly Node[] };
  if (holds && content.length > lead.length) {
    const children = parse(content.subarray(lead.length), node);
    if (children !== undefined && (tag & 0x20 || children.length === 1)) node.children = children;
  }
  return node;
}

const tags = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1f, 0x30, 0x31, 0x3f, 0x80, 0x82,
  0x86, 0x87, 0xa0, 0xa1, 0xa3,
];
const integers = [
  "",
  "00",
  "80",
  "ff",
  "0000",
  "0080",
  "ff80",
  "ffff",
  "7f",
  "010001",
  "00010001",
  "03",
  "010000",
  "7fffffff",
  "0080000000",
  "00ffffffffffffffff",
  "ff".repeat(21),
  `00${"ff".repeat(300)}`,
];
const times = [
  "000101000000Z",
  "491231235959Z",
  "500101000000Z",
  "20500101000000Z",
  "20491231235959Z",
  "99991231235959Z",
  "00000101000000Z",
  "260230000000Z",
  "2601010000Z",
  "260101000000+0000",
  "20260101000000.5Z",
];
const oids = [
  "2a864886f70d010101",
  "2a8648ce3d0201",
  "2a8648ce3d030107",
  "2b81040022",
  "2b81040023",
  "2b8104000a",
  "2a8648ce3d040302",
  "2a864886f70d01010b",
  "2b6570",
  "8037",
  "ffffffffffffffffff7f",
  "80",
  "550403",
  "551d11",
  "551d13",
  "551d1e",
];

const hex = (text: string): Uint8Array => Buffer.from(text, "hex");

function nested(random: SeededRandom): Uint8Array {
  const depth = random.once(20) ? random.pick([1000, 16_000]) : random.pick([20, 200]);
  let bytes: Uint8Array = none;
  if (depth <= 200) for (let count = 0; count < depth; count += 1) bytes = wrap(0x30, bytes);
  return depth <= 200 ? bytes : new Uint8Array(depth).fill(0x30).fill(0x80, 1);
}

/** What DER forbids and BER or a careless parser lets through. */
const bends: TreeFormat["bends"] = [
  ({ tag, content }) => join(Uint8Array.of(tag | 0x20, 0x80), content, Uint8Array.of(0, 0)),
  ({ tag, content }) => join(Uint8Array.of(tag, 0x81), Uint8Array.of(content.length & 0xff), content),
  ({ tag, content }) =>
    join(Uint8Array.of(tag, 0x84, 0, 0, content.length >> 8, content.length & 0xff), content),
  ({ tag, content }, random) =>
    join(Uint8Array.of(tag, 0x80 | random.pick([4, 5, 8, 127])), random.bytes(8), content),
  ({ tag, content }, random) =>
    join(Uint8Array.of(tag), lengthOctets(Math.max(0, content.length + random.pick([-1, 1, 200]))), content),
  ({ content }, random) => wrap(random.pick(tags), content),
  ({ content }) => join(Uint8Array.of(0x1f, 0x81, 0x01), lengthOctets(content.length), content),
  ({ tag }, random) => wrap(tag, hex(random.pick(integers))),
  ({ tag }, random) => wrap(tag, hex(random.pick(oids))),
  (_, random) => wrap(random.pick([0x17, 0x18]), Buffer.from(random.pick(times))),
  ({ tag, content }) => wrap(tag, join(Uint8Array.of(0), content)),
  ({ tag, content }) => wrap(tag, join(content, Uint8Array.of(0))),
  ({ tag, content }, random) =>
    wrap(
      tag,
      Uint8Array.from(content, (octet, at) => (at < 2 ? random.pick([2, 3, 4, 6, 0x80]) : octet)),
    ),
  ({ tag }, random) => wrap(tag, nested(random)),
  ({ tag, children }) => wrap(tag, join(...children.toReversed().map(({ whole }) => whole))),
  ({ tag, children }) =>
    wrap(
      tag,
      join(
        ...Array.from({ length: 40 }, (_, at) => children[at % Math.max(1, children.length)]?.whole ?? none),
      ),
    ),
];

export const derFormat: TreeFormat = { parse, wrap, bends };
