import { mutateBytes } from "./byte-mutations.ts";
import type { Corpus } from "./corpus.ts";
import { derFormat } from "./der-format.ts";
import { protoFormat } from "./proto-format.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { FuzzTarget } from "./target.ts";
import { mutateText } from "./text-mutations.ts";
import { mutateTree, nodesOf, type TreeFormat } from "./tree.ts";

const trees: Readonly<Record<"der" | "proto", TreeFormat>> = { der: derFormat, proto: protoFormat };

/** Above every limit that a parser has of its own; what gRPC lets through besides costs in proportion. */
const longest = 128 * 1024;

/** Makes a target's cases; each follows from seed, target and its own number, and from nothing that came before. */
export class CaseMaker {
  readonly #target: FuzzTarget;
  readonly #corpus: Corpus;
  readonly #seed: number;

  constructor(target: FuzzTarget, corpus: Corpus, seed: number) {
    this.#target = target;
    this.#corpus = corpus;
    this.#seed = seed;
  }

  make(number: number): Uint8Array {
    const random = new SeededRandom(`${this.#seed} ${this.#target.name} ${number}`);
    if (random.once(40)) return random.bytes(random.below(random.once(20) ? 20_000 : 120));
    const from = random.pick(this.#corpus.entries);
    let bytes = this.#structured(from.bytes, random);
    for (let more = random.below(4); more > 0; more -= 1) {
      bytes = random.once(2) ? this.#again(bytes, random) : mutateBytes(bytes, random);
    }
    return bytes.subarray(0, longest);
  }

  #structured(bytes: Uint8Array, random: SeededRandom): Uint8Array {
    const { format } = this.#target;
    if (format === "text") return Buffer.from(mutateText(Buffer.from(bytes).toString(), random));
    if (format === "bytes") return mutateBytes(bytes, random);
    const nodes = this.#corpus.nodes(bytes, trees[format]);
    if (nodes.length === 0) return mutateBytes(bytes, random);
    return mutateTree(trees[format], { nodes, others: this.#corpus.allNodes(trees[format]) }, random);
  }

  /** A second bend of what was bent already; long ones are not taken apart again. */
  #again(bytes: Uint8Array, random: SeededRandom): Uint8Array {
    const { format } = this.#target;
    if (bytes.length > 8192) return mutateBytes(bytes, random);
    if (format === "text" || format === "bytes") return this.#structured(bytes, random);
    const nodes = nodesOf(trees[format], bytes);
    if (nodes.length === 0) return mutateBytes(bytes, random);
    return mutateTree(trees[format], { nodes, others: this.#corpus.allNodes(trees[format]) }, random);
  }
}
