import type { DatabaseSync, StatementSync } from "node:sqlite";
import { numberOfSerial } from "./serial-number.ts";

/** Serials that are remembered at least; twice as many at most. */
const atLeast = 1 << 16;

/** Rows that are in the archive cannot be asked: then the 48 bits decide, and refuse one good serial in 10^9. */
const takenSince = `
  SELECT EXISTS (SELECT 1 FROM intents WHERE id > :since AND authority = :authority AND serial = :serial)
    OR NOT EXISTS (SELECT 1 FROM intents WHERE id = :since + 1) AS taken`;

/**
 * Refuses a serial that was used lately under the same authority. They are 136 random bits, so a repetition means that
 * chance itself repeats (a restored snapshot of the machine), and that shows at once; `ledger verify` looks at all.
 *
 * 48 bits of each are kept, in two tables of fixed size; where those are known already, the rows themselves decide.
 */
export class RecentSerials {
  readonly #taken: StatementSync;
  #older = new NumberTable(atLeast);
  #newer = new NumberTable(atLeast);

  constructor(database: DatabaseSync) {
    this.#taken = database.prepare(takenSince);
  }

  /** `intents` is the number of the last intent. */
  has(authority: number, serial: Uint8Array, intents: number): boolean {
    const number = numberOfSerial(serial);
    if (!this.#newer.has(number) && !this.#older.has(number)) return false;
    const since = Math.max(intents - 2 * atLeast, 0);
    return this.#taken.get({ since, authority, serial })?.taken === 1;
  }

  add(serial: Uint8Array): void {
    if (this.#newer.size >= atLeast) {
      const emptied = this.#older;
      this.#older = this.#newer;
      this.#newer = emptied;
      emptied.clear();
    }
    this.#newer.add(numberOfSerial(serial));
  }
}

/** Numbers of equally likely bits, in an open-addressed table that is at most half full. */
class NumberTable {
  /** 0 is an empty slot; a number is kept as itself and one. */
  readonly #slots: Float64Array;
  size = 0;

  constructor(most: number) {
    this.#slots = new Float64Array(2 * most);
  }

  has(number: number): boolean {
    return this.#slots[this.#slotOf(number)] !== 0;
  }

  add(number: number): void {
    const slot = this.#slotOf(number);
    if (this.#slots[slot] === 0) this.size += 1;
    this.#slots[slot] = number + 1;
  }

  clear(): void {
    this.#slots.fill(0);
    this.size = 0;
  }

  /** Where the number is, or the empty slot where it belongs. */
  #slotOf(number: number): number {
    let slot = number % this.#slots.length;
    while (this.#slots[slot] !== 0 && this.#slots[slot] !== number + 1)
      slot = (slot + 1) % this.#slots.length;
    return slot;
  }
}
