import { toHex } from "../../domain/certificate/hex.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { type EntryInput, type EntryRules, parseEntry } from "../../domain/policy/entry-rules.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Random } from "../../foundation/random.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerEvent, LedgerWriter } from "../ledger/ledger-writer.ts";
import type { EntryChange, EntryStore, EntryWriteRefusal } from "./entry-store.ts";
import type { Registrations } from "./registrations.ts";

export type EntryRefusal =
  | { readonly code: "invalid"; readonly flaws: readonly string[] }
  | { readonly code: EntryWriteRefusal };

/** Of several acts the first that may not be, counted from 0: then none of them was done. */
export type ApplyRefusal = EntryRefusal & { readonly index: number };

/** What an operator wants done to one registration. */
export type EntryAct =
  | { readonly create: EntryInput }
  /** Compare-and-set: `read` names the entry and the revision that the caller saw. */
  | { readonly update: EntryInput; readonly read: { readonly id: string; readonly revision: number } }
  /** Whatever it is now, where no revision is named. */
  | { readonly remove: { readonly id: string; readonly revision?: number } };

type Deps = {
  readonly store: EntryStore;
  readonly registrations: Registrations;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  /** As they are at this moment: rotation changes the authorities. */
  readonly rules: () => Omit<EntryRules, "now">;
  readonly clock: Clock;
  readonly random: Random;
};

/** An act and who does it: `actor` is a SPIFFE ID or `unix:uid=N`. */
export type Act = {
  readonly actor: string;
  readonly signal: AbortSignal;
  /** A security officer on the server itself: may register an ID that bears a role. */
  readonly mayGrantRoles?: boolean;
};

const noRoleBearers: ReadonlySet<SpiffeId> = new Set();

/** More would hold up the thread that serves streams while they are checked. */
export const mostAtOnce = 500;

type Outcome = Result<RegistrationEntry, EntryRefusal>;
type Planned = { readonly kind: string; readonly entry: RegistrationEntry; readonly change: EntryChange };

/**
 * What operators do to registrations. Each act is in the ledger before it is in the store, each refusal after it; once
 * a method has resolved, `registrations` and its listeners know.
 */
export class Entries {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  create(input: EntryInput, act: Act): Promise<Outcome> {
    return this.#one({ create: input }, act);
  }

  update(read: { id: string; revision: number }, input: EntryInput, act: Act): Promise<Outcome> {
    return this.#one({ update: input, read }, act);
  }

  remove(id: string, act: Act): Promise<Outcome> {
    return this.#one({ remove: { id } }, act);
  }

  /** All of at most `mostAtOnce`, in this order, or none. What comes back is each entry as it is now, or was. */
  async apply(
    acts: readonly EntryAct[],
    by: Act,
  ): Promise<Result<readonly RegistrationEntry[], ApplyRefusal>> {
    const { ledger, registrations, store } = this.#deps;
    const planned: Planned[] = [];
    for (const [index, act] of acts.entries()) {
      const plan = this.#plan(act, by);
      if (!plan.ok) return refused({ ...plan.error, index });
      planned.push(plan.value);
    }
    const told = planned.map((plan) => ledger.recordEvent(this.#event(plan, by.actor), by.signal));
    await Promise.all(told);
    const changes = planned.map(({ change }) => change);
    const written = await store.write(changes, by.signal);
    if (written.ok) {
      await registrations.refresh(by.signal);
      return written;
    }
    const { index, code } = written.error;
    await this.#recordRefusals(planned, written.error, by);
    return refused({ code, index });
  }

  /** Its time is over: it is removed as if an operator had done it. Refused when it was changed meanwhile. */
  expire({ id, revision }: RegistrationEntry, signal: AbortSignal): Promise<Outcome> {
    return this.#one({ remove: { id, revision } }, { actor: "server", signal });
  }

  async #one(act: EntryAct, by: Act): Promise<Outcome> {
    const done = await this.apply([act], by);
    if (!done.ok) {
      const { index: _, ...refusal } = done.error;
      return refused(refusal);
    }
    const [entry] = done.value;
    return entry ? ok(entry) : refused({ code: "not-found" });
  }

  #plan(act: EntryAct, by: Act): Result<Planned, EntryRefusal> {
    const { registrations, clock, random } = this.#deps;
    if ("remove" in act) {
      const entry = registrations.entry(act.remove.id);
      return entry
        ? ok({ kind: "entry.delete", entry, change: { remove: act.remove } })
        : refused({ code: "not-found" });
    }
    const draft = parseEntry("create" in act ? act.create : act.update, this.#rulesFor(by));
    if (!draft.ok) return refused({ code: "invalid", flaws: draft.error });
    if ("create" in act) {
      const entry = { ...draft.value, id: toHex(random.bytes(12)), revision: 1, createdAt: clock.now() };
      return ok({ kind: "entry.create", entry, change: { insert: entry } });
    }
    const { id, revision } = act.read;
    const known = registrations.entry(id);
    if (!known) return refused({ code: "not-found" });
    const entry = { ...draft.value, id, revision, createdAt: known.createdAt };
    return ok({ kind: "entry.update", entry, change: { replace: entry } });
  }

  #rulesFor({ mayGrantRoles = false }: Act): EntryRules {
    const rules = { ...this.#deps.rules(), now: this.#deps.clock.now() };
    return mayGrantRoles ? { ...rules, roleBearers: noRoleBearers } : rules;
  }

  /** The ledger has heard of all of them before the store refused one. */
  async #recordRefusals(
    planned: readonly Planned[],
    stop: { readonly index: number; readonly code: EntryWriteRefusal },
    by: Act,
  ): Promise<void> {
    const events = planned.map((plan, index) => {
      const event = this.#event(plan, by.actor);
      const reason = index === stop.index ? stop.code : "another of the same request was refused";
      return { ...event, kind: `${plan.kind}.refused`, detail: { ...event.detail, reason } };
    });
    await Promise.all(events.map((event) => this.#deps.ledger.recordEvent(event, by.signal)));
  }

  #event({ kind, entry }: Planned, actor: string): LedgerEvent {
    const { id, spiffeId, parentId, revision } = entry;
    const selectors = entry.selectors.join(" ");
    const detail = { id, spiffeId, parentId, selectors, revision };
    return { kind, actor, at: this.#deps.clock.now(), detail };
  }
}
