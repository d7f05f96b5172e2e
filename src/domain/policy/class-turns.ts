const whole = 20;
const mostCredit = 2 * whole;
/**
 * What each class gets at least of every twenty turns while it has something waiting, by rank; the most urgent one needs no such
 * promise. What one class leaves, the others take.
 */
const leastTurns = [0, 4, 2, 1] as const;

/** The same as shares of 1, for estimates. */
export const leastShares: readonly number[] = leastTurns.map((turns) => turns / whole);

/**
 * Whose turn it is among the classes: the most urgent one that has something waiting, except that none below is starved. Each turn that
 * passes over a class that waits is credited to it with its least share; a whole credit is a turn, and no class saves up more than two.
 */
export class ClassTurns {
  readonly #credit = leastTurns.map(() => 0);

  /** The rank that goes next; undefined when nothing waits. `waiting` is how many wait, by rank. */
  next(waiting: readonly number[]): number | undefined {
    let first: number | undefined;
    let owed: number | undefined;
    for (let rank = 0; rank < leastTurns.length; rank += 1) {
      if (!waiting[rank]) {
        this.#credit[rank] = 0;
      } else if (first === undefined) {
        first = rank;
      } else {
        const credit = Math.min((this.#credit[rank] ?? 0) + (leastTurns[rank] ?? 0), mostCredit);
        this.#credit[rank] = credit;
        if (credit >= whole) owed = rank;
      }
    }
    if (owed !== undefined) this.#credit[owed] = (this.#credit[owed] ?? 0) - whole;
    return owed ?? first;
  }
}
