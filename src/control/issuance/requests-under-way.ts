import type { Ticket } from "./ticket.ts";

/**
 * Requests that have entered and not ended, by their requestKey: the same request, come again meanwhile, waits for the same leaf
 * instead of costing another signature.
 */
export class RequestsUnderWay {
  readonly #tickets = new Map<string, Ticket>();

  find(key: string): Ticket | undefined {
    const ticket = this.#tickets.get(key);
    return ticket?.isEnded ? undefined : ticket;
  }

  add(ticket: Ticket): void {
    this.#tickets.set(ticket.key, ticket);
  }

  remove(ticket: Ticket): void {
    if (this.#tickets.get(ticket.key) === ticket) this.#tickets.delete(ticket.key);
  }
}
