import { withDeadline } from "../../foundation/deadline.ts";
import type { Batch, Planned, Prepared } from "./batch.ts";
import type { LeafCrypto, LeafRequest } from "./leaf-crypto.ts";

const limitMs = 10_000;

/** Verifies the requests, builds and lints in worker threads; an item that fails there is refused and goes no further. */
export async function prepare(
  crypto: LeafCrypto,
  { authority, leaves }: Batch<Planned>,
  signal: AbortSignal,
): Promise<Batch<Prepared>> {
  if (leaves.length === 0) return { authority, leaves: [] };
  const outcomes = await withDeadline(limitMs, signal, (limited) =>
    crypto.prepare(authority.certificate, leaves.map(requestOf), limited),
  );
  const prepared: Prepared[] = [];
  leaves.forEach((leaf, at) => {
    const outcome = outcomes[at];
    if (outcome?.ok) prepared.push({ ...leaf, linted: outcome.value });
    else leaf.ticket.refuse(outcome?.error ?? { code: "lint", reason: "the worker left it out" });
  });
  return { authority, leaves: prepared };
}

const requestOf = ({ ticket: { order }, serial, validity }: Planned): LeafRequest => ({
  profile: order.profile,
  spiffeId: order.spiffeId,
  dnsNames: order.dnsNames,
  serial,
  validity,
  csr: order.csr,
});
