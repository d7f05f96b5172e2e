import { type Place, TenantFlow } from "./tenant-flow.ts";
import type { Ticket } from "./ticket.ts";

const leastSweep = 1024;

/**
 * The tickets of one class, fair among tenants by weight: start-time fair queueing (Goyal, Vin, Cheng 1996). Each ticket costs its
 * tenant one over its weight of virtual time; whose virtual time is least goes next. A tenant that had nothing waiting starts at the
 * present virtual time: it saves up nothing, and who stayed away owes nothing.
 */
export class FairOrder {
  readonly #rank: number;
  readonly #weightOf: (tenant: string) => number;
  readonly #flows = new Map<string, TenantFlow>();
  /** A binary heap of the flows that have something waiting, by turn. */
  readonly #heap: TenantFlow[] = [];
  #now = 0;
  #activations = 0;
  #weights = 0;
  #length = 0;
  #sweepAt = leastSweep;

  constructor(rank: number, weightOf: (tenant: string) => number) {
    this.#rank = rank;
    this.#weightOf = weightOf;
  }

  get length(): number {
    return this.#length;
  }

  /** Tenants that are known, waiting or not. */
  get remembered(): number {
    return this.#flows.size;
  }

  /** The flows that have something waiting, in no order. */
  get active(): readonly TenantFlow[] {
    return this.#heap;
  }

  /** What a tenant has waiting, its weight, and the weights of all that have something waiting, itself included. */
  standing(tenant: string): { waiting: number; weight: number; weights: number } {
    const flow = this.#flows.get(tenant);
    const weight = flow?.weight ?? this.#weightOf(tenant);
    const waiting = flow?.length ?? 0;
    return { waiting, weight, weights: this.#weights + (waiting === 0 ? weight : 0) };
  }

  enter(ticket: Ticket): Place {
    const { tenant } = ticket.order;
    let flow = this.#flows.get(tenant);
    if (flow === undefined) {
      flow = new TenantFlow({ tenant, rank: this.#rank, weight: this.#weightOf(tenant) });
      if (this.#flows.size >= this.#sweepAt) this.#forgetLevel();
      this.#flows.set(tenant, flow);
    }
    const place = flow.append(ticket);
    this.#length += 1;
    if (flow.length === 1) this.#activate(flow);
    return place;
  }

  /** Takes out whose turn it is. */
  next(): Place | undefined {
    const flow = this.#heap[0];
    const place = flow?.first;
    if (flow === undefined || place === undefined) return undefined;
    this.#now = flow.turn;
    flow.turn += 1 / flow.weight;
    flow.remove(place);
    this.#length -= 1;
    // Once all was served everybody is level.
    if (this.#length === 0) this.#now = flow.turn;
    if (flow.length === 0) this.#deactivate(0);
    else this.#sink(0);
    return place;
  }

  /** A ticket leaves without its turn: its tenant pays nothing for it. */
  remove(place: Place): void {
    const { flow } = place;
    flow.remove(place);
    this.#length -= 1;
    if (flow.length === 0) this.#deactivate(this.#heap.indexOf(flow));
  }

  #activate(flow: TenantFlow): void {
    flow.turn = Math.max(flow.turn, this.#now);
    flow.order = this.#activations;
    this.#activations += 1;
    this.#weights += flow.weight;
    this.#heap.push(flow);
    this.#rise(this.#heap.length - 1);
  }

  #deactivate(at: number): void {
    const flow = this.#heap[at];
    const last = this.#heap.pop();
    if (flow === undefined || last === undefined) return;
    this.#weights = this.#heap.length === 0 ? 0 : this.#weights - flow.weight;
    if (last === flow) return;
    this.#heap[at] = last;
    this.#rise(at);
    this.#sink(at);
  }

  /** What an idle tenant still has to pay is kept until virtual time has passed it. */
  #forgetLevel(): void {
    for (const [tenant, flow] of this.#flows)
      if (flow.length === 0 && flow.turn <= this.#now) this.#flows.delete(tenant);
    this.#sweepAt = Math.max(leastSweep, this.#flows.size * 2);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#goesBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (this.#goesBefore(left, least)) least = left;
      if (this.#goesBefore(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #goesBefore(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return false;
    return a.turn < b.turn || (a.turn === b.turn && a.order < b.order);
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return;
    this.#heap[one] = b;
    this.#heap[other] = a;
  }
}
