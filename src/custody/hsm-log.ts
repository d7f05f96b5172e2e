import type { Clock } from "../foundation/clock.ts";
import type { HsmEvent, NewHsmEvent } from "./hsm-event.ts";

/** What a server that was away for a while still finds; older ones are in the signer's own log. */
const kept = 1024;

/** The latest events of the token, for the server to put into its ledger. */
export class HsmLog {
  /** Names this life of the process: sequence numbers begin again with the next one. */
  readonly instance: string;
  readonly #clock: Clock;
  readonly #events: HsmEvent[] = [];
  #last = 0;

  constructor(instance: string, clock: Clock) {
    this.instance = instance;
    this.#clock = clock;
  }

  note({ operation, result, keyId = "", tookMs = 0 }: NewHsmEvent): void {
    this.#last += 1;
    this.#events.push({ sequence: this.#last, at: this.#clock.now(), operation, result, keyId, tookMs });
    if (this.#events.length > kept) this.#events.shift();
  }

  /** In order. A gap before the first one says that more happened than is kept. */
  after(sequence: number): readonly HsmEvent[] {
    return this.#events.filter((event) => event.sequence > sequence);
  }
}
