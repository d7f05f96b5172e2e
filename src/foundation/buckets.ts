/**
 * Items under numbers that their owner derives from longer keys, such as the first bits of a digest; whoever looks compares
 * the whole key. For keys that are new each time: V8 writes every text that a Map is asked for into a table of all texts,
 * which costs 1.2 µs where a number costs 0.15, and holds memory until the next full collection.
 */
export class Buckets<Item> {
  readonly #items = new Map<number, readonly Item[]>();

  at(number: number): readonly Item[] {
    return this.#items.get(number) ?? [];
  }

  add(number: number, item: Item): void {
    this.#items.set(number, [...this.at(number), item]);
  }

  /** Nothing happens when it is not there. */
  remove(number: number, item: Item): void {
    const rest = this.at(number).filter((other) => other !== item);
    if (rest.length === 0) this.#items.delete(number);
    else this.#items.set(number, rest);
  }

  *values(): Generator<Item, undefined> {
    for (const items of this.#items.values()) yield* items;
  }
}
