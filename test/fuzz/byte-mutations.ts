import type { SeededRandom } from "./seeded-random.ts";

/** One way to bend bytes that knows nothing of what they mean. */
type Mutation = (bytes: Uint8Array, random: SeededRandom) => Uint8Array;

const interesting = [0x00, 0x01, 0x02, 0x1f, 0x20, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xa0, 0xff] as const;
const concat = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

function changed(bytes: Uint8Array, random: SeededRandom, to: (octet: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = random.below(copy.length);
  copy[at] = to(copy[at] ?? 0);
  return copy;
}

/** A stretch of the bytes: where it begins and ends. */
function stretch(bytes: Uint8Array, random: SeededRandom): [number, number] {
  const from = random.below(bytes.length + 1);
  return [from, Math.min(bytes.length, from + random.below(random.once(4) ? bytes.length + 1 : 9))];
}

const mutations: readonly Mutation[] = [
  (bytes, random) => changed(bytes, random, (octet) => octet ^ (1 << random.below(8))),
  (bytes, random) => changed(bytes, random, () => random.pick(interesting)),
  (bytes, random) => changed(bytes, random, (octet) => octet + random.pick([-1, 1, 0x80])),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => concat(bytes, random.bytes(random.below(8))),
  (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return concat(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return concat(bytes.subarray(0, to), bytes.subarray(from));
  },
  (bytes, random) => {
    const [from] = stretch(bytes, random);
    return concat(bytes.subarray(0, from), random.bytes(1 + random.below(8)), bytes.subarray(from));
  },
  (bytes, random) => {
    const [from] = stretch(bytes, random);
    const long = new Uint8Array(random.pick([256, 4096, 70_000])).fill(random.pick(interesting));
    return concat(bytes.subarray(0, from), long, bytes.subarray(from));
  },
];

/** Long insertions are rare: they cost time, and one is like another. */
const common = mutations.slice(0, -1);

export const mutateBytes: Mutation = (bytes, random) =>
  bytes.length === 0
    ? random.bytes(random.below(64))
    : random.pick(random.once(50) ? mutations : common)(bytes, random);
