import type { Der } from "../../domain/certificate/der.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import type { Clock } from "../../foundation/clock.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import { asFault } from "../../foundation/fault.ts";
import type { Random } from "../../foundation/random.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { Alarm } from "../alarm.ts";
import { byPrecedence } from "../attest-workload/selectors.ts";
import type { LeafKeys, NewKey } from "./leaf-keys.ts";
import {
  type AuthorityNotice,
  inReissueOrder,
  leafReissueMoments,
  namedDelayMs,
  retryDelayMs,
} from "./renewal.ts";
import { answerWithinMs, type IssuedChain, type SvidIssuer } from "./svid-issuer.ts";
import {
  emptySlot,
  isOld,
  type SvidSlot,
  sameCertificate,
  withEntry,
  withNotice,
  withSvid,
} from "./svid-slot.ts";

export type SvidKeeperDeps = {
  readonly issuer: SvidIssuer;
  readonly keys: LeafKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
  /** The anchors that a new chain must lead to. */
  readonly anchors: () => readonly Der[];
};

/** What happened in one turn of the event loop. */
export type SvidNews = {
  /** Entries came, went or changed: anybody may be concerned. */
  readonly entries: boolean;
  /** Entries that got an SVID, or failed to. */
  readonly entryIds: ReadonlySet<string>;
};

const inFlightLimit = 256;
const soonestMs = 1000;
const longestWaitMs = 60_000; // timers stand still while a machine sleeps: look at the clock now and then

/**
 * Keeps one X.509-SVID for each entry: first at once, then replaced at about half its life, when its entry changes and
 * when another authority signs. What it holds stays served while the server is away.
 */
export class SvidKeeper {
  readonly #deps: SvidKeeperDeps;
  readonly #slots = new Map<string, SvidSlot>();
  readonly #listeners = new Set<(news: SvidNews) => void>();
  readonly #stopping = new AbortController();
  readonly #superseded = new Set<string>();
  #notice: AuthorityNotice | undefined;
  #stopAlarm: () => void = () => undefined;
  #inFlight = 0;
  #news: { entries: boolean; entryIds: Set<string> } | undefined;
  #isPumpDue = false;
  #isSynced = false;
  #entries: readonly RegistrationEntry[] = [];

  constructor(deps: SvidKeeperDeps) {
    this.#deps = deps;
  }

  /** Replaces (`full`) or amends the entries. */
  setEntries(upserts: readonly RegistrationEntry[], removedIds: readonly string[], full: boolean): void {
    const now = this.#deps.clock.now();
    const kept = new Set(upserts.map(({ id }) => id));
    for (const id of removedIds) this.#withdraw(id);
    this.#isSynced ||= full;
    if (full) for (const id of [...this.#slots.keys()]) if (!kept.has(id)) this.#withdraw(id);
    for (const entry of upserts) this.#upsert(entry, now);
    this.#entries = [...this.#slots.values()].map(({ entry }) => entry).sort(byPrecedence);
    this.#deps.observer.saw({ kind: "entries-changed", count: this.#slots.size });
    this.#tell().entries = true;
    this.#pump();
  }

  /** Undefined: whatever authority signed what it has, nothing is to be replaced for it. */
  setAuthority(notice: AuthorityNotice | undefined): void {
    if (this.#notice?.activeKeyId === notice?.activeKeyId) return;
    this.#notice = notice;
    if (!notice) return;
    const old = [...this.#slots.values()].filter((slot) => isOld(slot, notice));
    const leaves = old.flatMap(({ entry, svid }) =>
      svid ? { name: entry.id, notAfter: svid.notAfter } : [],
    );
    const moments = leafReissueMoments(notice, leaves);
    for (const slot of old)
      this.#slots.set(slot.entry.id, withNotice(slot, notice, moments.get(slot.entry.id)));
    this.#pump();
  }

  /** The server is back: what failed is tried again now, or as soon as the server has allowed. */
  retrySoon(): void {
    const now = this.#deps.clock.now().getTime();
    for (const [id, slot] of this.#slots) {
      const soonest = Math.min(slot.dueAtMs, Math.max(now, slot.notBeforeMs));
      if (slot.failures > 0) this.#slots.set(id, { ...slot, dueAtMs: soonest });
    }
    this.#pump();
  }

  /** False until the server has told the entries: nobody can say yet who has no identity. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** In order of precedence; another array only when an entry changed. */
  entries(): readonly RegistrationEntry[] {
    return this.#entries;
  }

  /** The entry's SVID unless it has expired, and whether getting one has been tried and failed since. */
  lookUp(entryId: string): { readonly svid: X509Svid | undefined; readonly failed: boolean } {
    const slot = this.#slots.get(entryId);
    const isValid = slot?.svid !== undefined && slot.svid.notAfter >= this.#deps.clock.now();
    return { svid: isValid ? slot.svid : undefined, failed: (slot?.failures ?? 0) > 0 };
  }

  /** Calls `listener` after each turn in which entries or SVIDs changed, until the returned function is called. */
  onChange(listener: (news: SvidNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  servedSerials(): readonly string[] {
    return [...this.#slots.values()].flatMap(({ svid }) => svid?.serial ?? []);
  }

  /** Serials that nobody will be given any more, once each. */
  takeSuperseded(): readonly string[] {
    const serials = [...this.#superseded];
    this.#superseded.clear();
    return serials;
  }

  stop(): void {
    this.#stopAlarm();
    this.#stopping.abort();
  }

  #upsert(entry: RegistrationEntry, now: Date): void {
    const slot = this.#slots.get(entry.id);
    const next = slot ? withEntry(slot, entry, now) : emptySlot(entry, now);
    if (slot?.svid && !next.svid) this.#drop(slot.svid);
    this.#slots.set(entry.id, next);
  }

  #withdraw(id: string): void {
    const svid = this.#slots.get(id)?.svid;
    this.#slots.delete(id);
    if (svid) this.#drop(svid);
  }

  #drop(svid: X509Svid): void {
    this.#superseded.add(svid.serial);
    this.#deps.observer.saw({ kind: "svid-withdrawn", spiffeId: svid.spiffeId, serial: svid.serial });
  }

  /** What listeners will be told, once for all that changed in one turn. */
  #tell(): { entries: boolean; entryIds: Set<string> } {
    if (this.#news) return this.#news;
    const news = { entries: false, entryIds: new Set<string>() };
    this.#news = news;
    queueMicrotask(() => {
      this.#news = undefined;
      for (const listener of [...this.#listeners]) listener(news);
    });
    return news;
  }

  /** Once for all answers that came together: it looks at every slot. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  /** Starts what is due, soonest expiry first, and sets the alarm for the rest. */
  #pump(): void {
    if (this.#stopping.signal.aborted) return;
    const now = this.#deps.clock.now().getTime();
    const waiting = [...this.#slots.values()].filter(({ inFlight }) => !inFlight);
    const due = waiting.filter(({ dueAtMs }) => dueAtMs <= now).sort(byUrgency(this.#notice));
    for (const slot of due.slice(0, Math.max(inFlightLimit - this.#inFlight, 0))) void this.#issue(slot);
    this.#stopAlarm();
    const later = waiting.filter(({ dueAtMs }) => dueAtMs > now).map(({ dueAtMs }) => dueAtMs);
    if (later.length === 0) return;
    this.#stopAlarm = this.#deps.alarm.after(Math.min(Math.min(...later) - now, longestWaitMs), () =>
      this.#pump(),
    );
  }

  async #issue(slot: SvidSlot): Promise<void> {
    const { clock, issuer, keys } = this.#deps;
    const startedAt = clock.now().getTime();
    this.#inFlight += 1;
    this.#slots.set(slot.entry.id, { ...slot, inFlight: true });
    try {
      await withDeadline(answerWithinMs, this.#stopping.signal, async (signal) => {
        const key = await keys.make(signal);
        const outcome = await issuer.issue({ entryId: slot.entry.id, csr: key.csr }, signal);
        if (outcome.ok) this.#take(slot, { issued: outcome.value, key, startedAt });
        else this.#refused(slot, outcome.error);
      });
    } catch (thrown) {
      if (!this.#stopping.signal.aborted) this.#refused(slot, refusalOf(thrown));
    } finally {
      this.#inFlight -= 1;
    }
    this.#tell().entryIds.add(slot.entry.id);
    this.#pumpSoon();
  }

  #take(asked: SvidSlot, got: { issued: IssuedChain; key: NewKey; startedAt: number }): void {
    const { clock, keys, observer } = this.#deps;
    const { chain, authorityKeyId } = got.issued;
    const { spiffeId, id: entryId } = asked.entry;
    const { privateKey } = got.key;
    const now = clock.now();
    const checked = keys.check({ chain, privateKey, spiffeId, anchors: this.#deps.anchors(), now });
    if (!checked.ok) {
      this.#refused(asked, { code: `unusable: ${checked.error}`, retryAfterMs: 0 });
      return;
    }
    const { serial, notAfter } = checked.value;
    const slot = this.#slots.get(entryId);
    if (slot?.entry.spiffeId !== spiffeId) {
      this.#superseded.add(serial); // the entry went, or is another by now
      this.#restart(slot);
      return;
    }
    const { hint } = slot.entry;
    const svid: X509Svid = { spiffeId, chain, privateKey, authorityKeyId, entryId, hint, ...checked.value };
    if (slot.svid) this.#superseded.add(slot.svid.serial);
    const isStale = !sameCertificate(slot.entry, asked.entry);
    const held = withSvid(slot, svid, now);
    const next = isStale ? { ...held, dueAtMs: now.getTime(), why: "entry" as const } : held;
    const noticed = this.#notice ? withNotice(next, this.#notice) : next;
    // A server that goes on signing with the authority that it gave up must not be asked in a tight loop.
    this.#slots.set(entryId, { ...noticed, dueAtMs: Math.max(noticed.dueAtMs, now.getTime() + soonestMs) });
    const tookMs = now.getTime() - got.startedAt;
    observer.saw({ kind: "svid-issued", spiffeId, serial, authorityKeyId, notAfter, tookMs, why: asked.why });
  }

  #refused(asked: SvidSlot, refusal: { code: string; retryAfterMs: number }): void {
    const slot = this.#slots.get(asked.entry.id);
    if (slot?.entry.spiffeId !== asked.entry.spiffeId) {
      this.#restart(slot);
      return;
    }
    const failures = slot.failures + 1;
    const { random, clock } = this.#deps;
    const isNamed = refusal.retryAfterMs > 0;
    const retryInMs = isNamed
      ? namedDelayMs(refusal.retryAfterMs, failures, random)
      : retryDelayMs(failures, random);
    const dueAtMs = clock.now().getTime() + retryInMs;
    const notBeforeMs = isNamed ? dueAtMs : 0;
    this.#slots.set(slot.entry.id, { ...slot, failures, dueAtMs, notBeforeMs, inFlight: false });
    const { spiffeId } = slot.entry;
    this.#deps.observer.saw({ kind: "svid-refused", spiffeId, code: refusal.code, retryInMs });
  }

  #restart(slot: SvidSlot | undefined): void {
    if (slot)
      this.#slots.set(slot.entry.id, { ...slot, inFlight: false, dueAtMs: this.#deps.clock.now().getTime() });
  }
}

function refusalOf(thrown: unknown): { code: string; retryAfterMs: number } {
  const { code, retryAfterMs = 0 } = asFault(thrown);
  return { code, retryAfterMs };
}

/** What is new or due by its own end goes before what another authority replaces; that goes in its own order. */
const byUrgency = (notice: AuthorityNotice | undefined) => (a: SvidSlot, b: SvidSlot) => {
  const [one, other] = [a, b].map(({ why, svid }) => (why === "authority" ? svid : undefined));
  if (notice && one && other) return inReissueOrder(notice)(one, other);
  return Number(one !== undefined) - Number(other !== undefined) || endMs(a) - endMs(b);
};

const endMs = ({ svid }: SvidSlot): number => svid?.notAfter.getTime() ?? 0;
