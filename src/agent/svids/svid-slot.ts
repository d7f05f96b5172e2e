import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import type { IssueReason } from "../agent-event.ts";
import { type AuthorityNotice, leafReissueMoment, renewalMoment } from "./renewal.ts";

/** One entry's place in the agent: its SVID if there is one, and when the next attempt is due. */
export type SvidSlot = {
  readonly entry: RegistrationEntry;
  readonly svid: X509Svid | undefined;
  readonly obtainedAt: Date;
  /** Milliseconds since the epoch. */
  readonly dueAtMs: number;
  /** The server asked not to be asked before. */
  readonly notBeforeMs: number;
  readonly why: IssueReason;
  /** Failures since the last success. */
  readonly failures: number;
  readonly inFlight: boolean;
};

export const emptySlot = (entry: RegistrationEntry, now: Date): SvidSlot => ({
  entry,
  svid: undefined,
  obtainedAt: now,
  dueAtMs: now.getTime(),
  notBeforeMs: 0,
  why: "first",
  failures: 0,
  inFlight: false,
});

/** Whether both entries ask for the same certificate: a change of anything else needs no new one. */
export const sameCertificate = (a: RegistrationEntry, b: RegistrationEntry): boolean =>
  a.spiffeId === b.spiffeId &&
  a.x509Ttl === b.x509Ttl &&
  a.dnsNames.length === b.dnsNames.length &&
  a.dnsNames.every((name, at) => name === b.dnsNames[at]);

/** The entry changed: another name drops the SVID at once, other contents replace it at once. */
export function withEntry(slot: SvidSlot, entry: RegistrationEntry, now: Date): SvidSlot {
  if (entry.spiffeId !== slot.entry.spiffeId) return { ...emptySlot(entry, now), inFlight: slot.inFlight };
  const svid = slot.svid && { ...slot.svid, hint: entry.hint };
  if (sameCertificate(entry, slot.entry)) return { ...slot, entry, svid };
  return { ...slot, entry, svid, dueAtMs: now.getTime(), why: slot.svid ? "entry" : "first", failures: 0 };
}

export function withSvid(slot: SvidSlot, svid: X509Svid, now: Date): SvidSlot {
  const dueAtMs = renewalMoment({ obtainedAt: now, notAfter: svid.notAfter }, slot.entry.id);
  return { ...slot, svid, obtainedAt: now, dueAtMs, why: "renewal", failures: 0, inFlight: false };
}

/** Whether it is under another authority than the one that signs now. */
export const isOld = ({ svid }: SvidSlot, notice: AuthorityNotice): boolean =>
  svid !== undefined && svid.authorityKeyId !== notice.activeKeyId;

/** Brings the next attempt forward when another authority signs now; never back. `at` is in milliseconds since the epoch. */
export function withNotice(
  slot: SvidSlot,
  notice: AuthorityNotice,
  at = leafReissueMoment(notice, slot.entry.id),
): SvidSlot {
  if (!isOld(slot, notice)) return slot;
  return at < slot.dueAtMs ? { ...slot, dueAtMs: at, why: "authority" } : slot;
}
