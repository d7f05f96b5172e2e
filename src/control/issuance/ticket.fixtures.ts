import { defaultProfiles } from "../../domain/certificate/profile.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { IssuanceClass } from "../../domain/policy/issuance-class.ts";
import { seconds } from "../../foundation/duration.ts";
import type { Outcome } from "./caller-waits.ts";
import { Ticket } from "./ticket.ts";

const id = "spiffe://mesh.test/web" as SpiffeId;
const never = new AbortController().signal;

export type TicketWish = {
  readonly urgency?: IssuanceClass;
  readonly tenant?: string;
  readonly bytes?: number;
  readonly sinceMs?: number;
  /** On the queue's clock. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
};

export type AskedTicket = { readonly ticket: Ticket; readonly outcome: Promise<Outcome> };

/** A ticket with one caller that waits for it. */
export function askedTicket(wish: TicketWish = {}): AskedTicket {
  const { urgency = "routine", tenant = "", bytes = 300, sinceMs = 0 } = wish;
  const order = {
    caller: { kind: "agent", id },
    requester: id,
    profile: defaultProfiles.workload,
    ttl: seconds(60),
    spiffeId: id,
    dnsNames: [],
    entryId: "e",
    entryRevision: 1,
    tenant,
    csr: new Uint8Array(bytes),
  } as const;
  const ticket = new Ticket({ order, key: "k", authorityKeyId: "a", urgency, enteredAtMs: 0, sinceMs });
  return { ticket, outcome: ticket.wait(wish.signal ?? never, wish.deadlineMs ?? 1e12) };
}
