import { toHex } from "../../domain/certificate/hex.ts";
import { mintSerials } from "../../domain/certificate/serial.ts";
import { leafValidity } from "../../domain/certificate/validity.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Random } from "../../foundation/random.ts";
import type { Batch, Planned } from "./batch.ts";
import type { Issuers } from "./issuers.ts";
import type { Ticket } from "./ticket.ts";

export type PlanDeps = {
  readonly issuers: Issuers;
  readonly clock: Clock;
  readonly random: Random;
  /** First byte of every serial number, 1 to 127; each replica has its own. */
  readonly serialPrefix: number;
};

/** Names the authority, a serial number and the dates of each leaf. Undefined when no authority may sign: all are refused. */
export function plan(deps: PlanDeps, tickets: readonly Ticket[]): Batch<Planned> | undefined {
  const authority = deps.issuers.current();
  if (!authority.ok) {
    for (const ticket of tickets) ticket.refuse({ code: "issuing-closed", reason: authority.error });
    return undefined;
  }
  const now = deps.clock.now();
  const leaves: Planned[] = [];
  const serials = mintSerials(deps.serialPrefix, tickets.length, deps.random).values();
  for (const ticket of tickets) {
    const validity = leafValidity(now, ticket.order.ttl, authority.value);
    if (!validity.ok) {
      ticket.refuse(validity.error);
      continue;
    }
    const serial = serials.next().value ?? new Uint8Array();
    leaves.push({ ticket, serial, serialHex: toHex(serial), validity: validity.value });
  }
  return { authority: authority.value, leaves };
}
