import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Node, nodesOf, type TreeFormat } from "./tree.ts";

export const corpusFolder = fileURLToPath(new URL("corpus", import.meta.url));

/** Good inputs of one target, taken apart once. */
export class Corpus {
  readonly entries: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly #parsed = new Map<Uint8Array, readonly Node[]>();
  #all: readonly Node[] | undefined;

  constructor(target: string) {
    const folder = join(corpusFolder, target);
    this.entries = readdirSync(folder)
      .toSorted()
      .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) }));
  }

  nodes(bytes: Uint8Array, format: TreeFormat): readonly Node[] {
    const known = this.#parsed.get(bytes);
    if (known !== undefined) return known;
    const nodes = nodesOf(format, bytes);
    if (this.entries.some((entry) => entry.bytes === bytes)) this.#parsed.set(bytes, nodes);
    return nodes;
  }

  allNodes(format: TreeFormat): readonly Node[] {
    this.#all ??= this.entries.flatMap(({ bytes }) => this.nodes(bytes, format));
    return this.#all;
  }
}
