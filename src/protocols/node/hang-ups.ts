/** Batches join a group until it was asked for so many items. */
const groupItems = 64;

type Group = { readonly controller: AbortController; asked: number; left: number };

/**
 * What tells the items of a stream that their caller hung up. A signal for each group of items: on the stream's own, thousands
 * of them would each look through the listeners of all the others; and one for each batch costs more than all else about a
 * batch of one item.
 */
export class HangUps {
  readonly #open = new Set<Group>();
  #filling: Group | undefined;

  constructor(stream: AbortSignal) {
    stream.addEventListener("abort", () => {
      for (const { controller } of this.#open) controller.abort(stream.reason);
    });
  }

  /** Gives the signal for a batch of so many items; `settled` is to be called for each of them, once. */
  join(items: number): { readonly signal: AbortSignal; readonly settled: () => void } {
    const group = this.#groupFor(items);
    return {
      signal: group.controller.signal,
      settled: () => {
        group.left -= 1;
        if (group.left === 0 && group !== this.#filling) this.#open.delete(group);
      },
    };
  }

  #groupFor(items: number): Group {
    const filling = this.#filling;
    const group = filling ?? { controller: new AbortController(), asked: 0, left: 0 };
    this.#open.add(group);
    group.asked += items;
    group.left += items;
    this.#filling = group.asked < groupItems ? group : undefined;
    return group;
  }
}
