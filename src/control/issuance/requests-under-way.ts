import { Buckets } from "../../foundation/buckets.ts";
import type { Ticket } from "./ticket.ts";

/**
 * Requests that have entered and not ended, by their requestKey: the same request, come again meanwhile, waits for the same leaf
 * instead of costing another signature.
 */
export class RequestsUnderWay {
  readonly #tickets = new Buckets<Ticket>();

  find(key: string): Ticket | undefined {
    return this.#tickets.at(numberOf(key)).findLast((ticket) => ticket.key === key && !ticket.isEnded);
  }

  add(ticket: Ticket): void {
    this.#tickets.add(numberOf(ticket.key), ticket);
  }

  remove(ticket: Ticket): void {
    this.#tickets.remove(numberOf(ticket.key), ticket);
  }
}

/** The first 48 bits of a requestKey. */
const numberOf = (key: string): number => Number.parseInt(key.slice(0, 12), 16);
