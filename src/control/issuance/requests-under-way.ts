import type { Ticket } from "./ticket.ts";

/**
 * Requests that have entered and not ended, by their retry key: the same request, come again meanwhile, waits for the same leaf
 * instead of costing another signature.
 */
export class RequestsUnderWay {
  readonly #tickets = new Map<string, Ticket>();

  find(key: string): Ticket | undefined {
    const ticket = this.#tickets.get(key);
    return ticket?.isEnded ? undefined : ticket;
  }

  add(key: string, ticket: Ticket): void {
    this.#tickets.set(key, ticket);
  }

  remove(key: string, ticket: Ticket): void {
    if (this.#tickets.get(key) === ticket) this.#tickets.delete(key);
  }
}
