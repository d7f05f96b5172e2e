import type { DatabaseSync, StatementSync } from "node:sqlite";
import { numberOfSerial } from "./serial-number.ts";

/** A block's intents: more are new only while blocks cannot be saved. */
const usually = 1 << 16;

/**
 * Finds the newest intents by serial, whose block is not full yet: read once each, and only when somebody looks. 48 bits of each
 * serial lie by the intent's place after the last block; whoever asks compares the whole serial.
 */
export class RecentIntents {
  readonly #since: StatementSync;
  #numbers = new Float64Array(usually);
  #from = 0;
  #seen = 0;

  constructor(database: DatabaseSync) {
    this.#since = database.prepare("SELECT id, serial FROM intents WHERE id > ? ORDER BY id");
  }

  /** Ids after `covered` of intents that may have this serial. */
  candidates(serial: Uint8Array, covered: number): readonly number[] {
    if (covered > this.#from) {
      this.#from = covered;
      this.#seen = covered;
    }
    for (const row of this.#since.iterate(this.#seen)) {
      this.#seen = Number(row.id);
      this.#keep(this.#seen - this.#from - 1, numberOfSerial(row.serial as Uint8Array));
    }
    const known = this.#numbers.subarray(0, this.#seen - this.#from);
    const wanted = numberOfSerial(serial);
    const found: number[] = [];
    for (let at = known.indexOf(wanted); at >= 0; at = known.indexOf(wanted, at + 1))
      found.push(this.#from + at + 1);
    return found;
  }

  #keep(place: number, number: number): void {
    if (place >= this.#numbers.length) {
      const larger = new Float64Array(2 * place);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[place] = number;
  }
}
