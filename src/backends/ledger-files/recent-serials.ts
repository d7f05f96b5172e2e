/** Serials that are remembered at least; twice as many at most. */
const atLeast = 1 << 16;

/**
 * Refuses a serial that was used lately under the same authority. They are 136 random bits, so a repetition means that
 * chance itself repeats (a restored snapshot of the machine), and that shows at once; `ledger verify` looks at all.
 */
export class RecentSerials {
  #older = new Set<string>();
  #newer = new Set<string>();

  has(key: string): boolean {
    return this.#newer.has(key) || this.#older.has(key);
  }

  add(key: string): void {
    if (this.#newer.size >= atLeast) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(key);
  }

  remove(key: string): void {
    this.#newer.delete(key);
    this.#older.delete(key);
  }
}
