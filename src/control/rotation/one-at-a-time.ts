/** Runs asynchronous acts one after the other, in the order they were asked for; one that fails ends only itself. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act, act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
