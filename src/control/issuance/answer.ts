import type { Authority } from "../../domain/trust/authority.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Batch, End, Ended, Planned } from "./batch.ts";
import type { IssuanceObserver } from "./events.ts";
import type { Issued } from "./request.ts";
import { type RetryMemory, retryKey, retryWindowMs } from "./retry-memory.ts";

export type AnswerDeps = {
  readonly clock: Clock;
  readonly observer: IssuanceObserver;
  readonly retries: RetryMemory;
};

type Closed = Extract<End, { kind: "closed" }>;

/** Hands out what is now durable, and refuses what was closed. */
export function answer(deps: AnswerDeps, { authority, leaves }: Batch<Ended>): void {
  const nowMs = deps.clock.now().getTime();
  let issued = 0;
  let firstMs = nowMs;
  for (const { leaf, end } of leaves) {
    firstMs = Math.min(firstMs, leaf.ticket.enteredAtMs);
    if (end.kind === "closed") refuse(deps, leaf, end);
    else {
      handOut(deps, leaf, { nowMs, issued: issuedFrom(authority, leaf, end) });
      issued += 1;
    }
  }
  const { keyId: authorityKeyId } = authority;
  const items = leaves.length;
  deps.observer.saw({ kind: "batch", authorityKeyId, items, issued, tookMs: nowMs - firstMs });
}

const issuedFrom = (
  authority: Authority,
  { serialHex, validity }: Planned,
  { certificate }: Extract<End, { kind: "certificate" }>,
): Issued => ({
  chain: [certificate, authority.certificate, ...authority.crossCertificates],
  authorityKeyId: authority.keyId,
  serial: serialHex,
  ...validity,
});

function handOut(
  deps: AnswerDeps,
  { ticket }: Planned,
  { nowMs, issued }: { readonly nowMs: number; readonly issued: Issued },
): void {
  const { order } = ticket;
  const key = retryKey(order, issued.authorityKeyId);
  deps.retries.keep(key, issued, { nowMs, windowMs: retryWindowMs(order.ttl) });
  ticket.issue(issued);
  deps.observer.saw({
    kind: "issued",
    profile: order.profile.name,
    spiffeId: order.spiffeId,
    entryId: order.entryId,
    requester: order.requester,
    serial: issued.serial,
    authorityKeyId: issued.authorityKeyId,
    notAfter: issued.notAfter,
    tookMs: nowMs - ticket.enteredAtMs,
  });
}

function refuse(deps: AnswerDeps, { ticket, serialHex }: Planned, { as, reason }: Closed): void {
  if (as === "self-check-failed") deps.observer.saw({ kind: "self-check-failed", serial: serialHex, reason });
  ticket.refuse({ code: "not-signed", reason: `${as}: ${reason}`, retryAfterMs: 1000 });
}
