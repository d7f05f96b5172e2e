import type { Der } from "../../domain/certificate/der.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Batch, End, Ended, Planned } from "./batch.ts";
import type { IssuanceObserver } from "./events.ts";
import { issuedUnder } from "./issued-under.ts";
import { requestKey } from "./request-key.ts";
import { type RetryMemory, retryWindowMs } from "./retry-memory.ts";

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
      handOut(deps, leaf, { authority, nowMs, certificate: end.certificate });
      issued += 1;
    }
  }
  const { keyId: authorityKeyId } = authority;
  const items = leaves.length;
  deps.observer.saw({ kind: "batch", authorityKeyId, items, issued, tookMs: nowMs - firstMs });
}

type Sealed = { readonly authority: Authority; readonly certificate: Der; readonly nowMs: number };

function handOut(
  deps: AnswerDeps,
  { ticket, serialHex: serial, validity }: Planned,
  { authority, certificate, nowMs }: Sealed,
): void {
  const { order } = ticket;
  const { keyId } = authority;
  const key = ticket.authorityKeyId === keyId ? ticket.key : requestKey(order, keyId);
  deps.retries.keep(key, certificate, { nowMs, windowMs: retryWindowMs(order.ttl) });
  const issued = issuedUnder(authority, { certificate, serial, ...validity });
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
