import { ClassTurns, leastShares } from "../../domain/policy/class-turns.ts";
import { issuanceClasses, rankOf } from "../../domain/policy/issuance-class.ts";
import { FairOrder } from "./fair-order.ts";
import type { Place, TenantFlow } from "./tenant-flow.ts";
import type { Ticket } from "./ticket.ts";

/** A tenant's part in fairness; 1 unless configured. */
export type TenantWeights = (tenant: string) => number;

/** Everything that waits: four classes by urgency, in each of them the tenants by weight, in each of these first come, first served. */
export class WaitingRoom {
  readonly #classes: readonly FairOrder[];
  readonly #turns = new ClassTurns();
  readonly #waiting = issuanceClasses.map(() => 0);
  #items = 0;
  #bytes = 0;

  constructor(weightOf: TenantWeights) {
    this.#classes = issuanceClasses.map((_, rank) => new FairOrder(rank, weightOf));
  }

  get items(): number {
    return this.#items;
  }

  /** Of the requests. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many wait, by rank. */
  get waiting(): readonly number[] {
    return this.#waiting;
  }

  enter(ticket: Ticket): Place {
    const place = this.#class(rankOf[ticket.urgency]).enter(ticket);
    this.#count(place, 1);
    return place;
  }

  remove(place: Place): void {
    this.#class(place.flow.rank).remove(place);
    this.#count(place, -1);
  }

  /** Takes out whose turn it is. */
  next(): Ticket | undefined {
    const rank = this.#turns.next(this.#waiting);
    const place = rank === undefined ? undefined : this.#class(rank).next();
    if (place === undefined) return undefined;
    this.#count(place, -1);
    return place.ticket;
  }

  /**
   * How many go before the one at `position` (1 is the first) of its tenant in its class, as far as can be told now: all that is more
   * urgent, what falls to other tenants until then, and what is promised to the classes below; or, if that is less, by the class's own
   * least share.
   */
  itemsAhead(rank: number, position: number, tenant: { weight: number; weights: number }): number {
    let above = 0;
    let promised = 0;
    this.#waiting.forEach((count, other) => {
      if (other < rank) above += count;
      else if (other > rank && count > 0) promised += leastShares[other] ?? 0;
    });
    const fair = (position * tenant.weights) / tenant.weight;
    const inClass = Math.min(this.#waiting[rank] ?? 0, Math.ceil(fair) - 1);
    const share = leastShares[rank] ?? 0;
    const byUrgency = (above + inClass) / (1 - promised);
    return share === 0 || above === 0 ? byUrgency : Math.min(byUrgency, (inClass + 1) / share);
  }

  /** The same for a ticket that would come now. */
  itemsAheadOf(ticket: Ticket): number {
    const rank = rankOf[ticket.urgency];
    const { waiting, weight, weights } = this.standing(rank, ticket.order.tenant);
    return this.itemsAhead(rank, waiting + 1, { weight, weights });
  }

  /** What a tenant has waiting in a class, its weight, and the weights of all who have something waiting there, itself included. */
  standing(rank: number, tenant: string): { waiting: number; weight: number; weights: number } {
    return this.#class(rank).standing(tenant);
  }

  /** Every flow that has something waiting. */
  *flows(): Iterable<TenantFlow> {
    for (const one of this.#classes) yield* one.active;
  }

  /**
   * Who must go when there is no room for this one: the last of the longest flow, by weight, of the least urgent class. Undefined when
   * that is none but its own: nobody is displaced by who has as much waiting.
   */
  displacedBy(ticket: Ticket): Place | undefined {
    const own = rankOf[ticket.urgency];
    const { waiting, weight } = this.standing(own, ticket.order.tenant);
    for (let rank = issuanceClasses.length - 1; rank >= own; rank -= 1) {
      const longest = longestOf(this.#class(rank).active);
      if (longest === undefined) continue;
      if (rank > own || longest.length / longest.weight > (waiting + 1) / weight) return longest.last;
    }
    return undefined;
  }

  #class(rank: number): FairOrder {
    const found = this.#classes[rank];
    if (found === undefined) throw new RangeError(`no class has rank ${rank}`);
    return found;
  }

  #count({ ticket, flow }: Place, by: 1 | -1): void {
    this.#waiting[flow.rank] = (this.#waiting[flow.rank] ?? 0) + by;
    this.#items += by;
    this.#bytes += by * ticket.order.csr.length;
  }
}

function longestOf(flows: readonly TenantFlow[]): TenantFlow | undefined {
  let longest: TenantFlow | undefined;
  for (const flow of flows)
    if (longest === undefined || flow.length / flow.weight > longest.length / longest.weight) longest = flow;
  return longest;
}
