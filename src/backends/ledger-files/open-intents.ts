import { sameBytes } from "../../domain/certificate/hex.ts";
import { Buckets } from "../../foundation/buckets.ts";
import { numberOfSerial } from "./serial-number.ts";

/** An intent that has not ended. */
export type OpenIntent = {
  readonly id: number;
  /** The authority's number (authorities.ts). */
  readonly authority: number;
  readonly serial: Uint8Array;
  readonly tbsSha256: Uint8Array;
  /** Whom the leaf is for (domain/ledger/log-entry.ts). */
  readonly subject: Uint8Array;
};

/** The intents that have not ended, found by authority and serial. */
export class OpenIntents {
  readonly #intents = new Buckets<OpenIntent>();

  find(authority: number, serial: Uint8Array): OpenIntent | undefined {
    return this.#intents
      .at(numberOfSerial(serial))
      .find((intent) => intent.authority === authority && sameBytes(intent.serial, serial));
  }

  add(intent: OpenIntent): void {
    this.#intents.add(numberOfSerial(intent.serial), intent);
  }

  remove(intent: OpenIntent): void {
    this.#intents.remove(numberOfSerial(intent.serial), intent);
  }

  values(): Iterable<OpenIntent> {
    return this.#intents.values();
  }
}
