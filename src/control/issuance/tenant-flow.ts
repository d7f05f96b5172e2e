import type { Ticket } from "./ticket.ts";

/** A ticket in its place: a doubly linked list, so that who hangs up leaves at once from wherever it stands. */
export type Place = {
  readonly ticket: Ticket;
  readonly flow: TenantFlow;
  before: Place | undefined;
  after: Place | undefined;
  isTaken: boolean;
};

/** What one tenant has waiting in one class, first come, first served. */
export class TenantFlow {
  readonly tenant: string;
  readonly rank: number;
  readonly weight: number;
  /** Virtual time at which its first ticket's turn comes. */
  turn = 0;
  /** Position in the order of activation; decides between equal turns. */
  order = 0;
  length = 0;
  #first: Place | undefined;
  #last: Place | undefined;

  constructor({ tenant, rank, weight }: { tenant: string; rank: number; weight: number }) {
    this.tenant = tenant;
    this.rank = rank;
    this.weight = weight;
  }

  get first(): Place | undefined {
    return this.#first;
  }

  get last(): Place | undefined {
    return this.#last;
  }

  append(ticket: Ticket): Place {
    const place: Place = { ticket, flow: this, before: this.#last, after: undefined, isTaken: false };
    if (this.#last) this.#last.after = place;
    else this.#first = place;
    this.#last = place;
    this.length += 1;
    return place;
  }

  remove(place: Place): void {
    place.isTaken = true;
    if (place.before) place.before.after = place.after;
    else this.#first = place.after;
    if (place.after) place.after.before = place.before;
    else this.#last = place.before;
    this.length -= 1;
  }
}
