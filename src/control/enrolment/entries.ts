import { toHex } from "../../domain/certificate/hex.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { type EntryInput, type EntryRules, parseEntry } from "../../domain/policy/entry-rules.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Random } from "../../foundation/random.ts";
import { type Result, refused } from "../../foundation/result.ts";
import type { LedgerEvent, LedgerWriter } from "../ledger/ledger-writer.ts";
import type { EntryStore, EntryWriteRefusal } from "./entry-store.ts";
import type { Registrations } from "./registrations.ts";

export type EntryRefusal =
  | { readonly code: "invalid"; readonly flaws: readonly string[] }
  | { readonly code: EntryWriteRefusal };

type Deps = {
  readonly store: EntryStore;
  readonly registrations: Registrations;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  /** As they are at this moment: rotation changes the authorities. */
  readonly rules: () => EntryRules;
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

type Outcome = Result<RegistrationEntry, EntryRefusal>;
type Written = Result<RegistrationEntry, EntryWriteRefusal>;
type Performance = { readonly kind: string; readonly entry: RegistrationEntry; readonly act: Act };

/**
 * What operators do to registrations. Each act is in the ledger before it is in the store, each refusal after it; once
 * a method has resolved, `registrations` and its listeners know.
 */
export class Entries {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async create(input: EntryInput, act: Act): Promise<Outcome> {
    const draft = parseEntry(input, this.#rulesFor(act));
    if (!draft.ok) return refused({ code: "invalid", flaws: draft.error });
    const id = toHex(this.#deps.random.bytes(12));
    const entry = { ...draft.value, id, revision: 1, createdAt: this.#deps.clock.now() };
    return await this.#perform({ kind: "entry.create", entry: entry, act }, () =>
      this.#deps.store.insert(entry, act.signal),
    );
  }

  /** Compare-and-set: `read` names the entry and the revision that the caller saw. */
  async update(read: { id: string; revision: number }, input: EntryInput, act: Act): Promise<Outcome> {
    const draft = parseEntry(input, this.#rulesFor(act));
    if (!draft.ok) return refused({ code: "invalid", flaws: draft.error });
    const known = this.#deps.registrations.entry(read.id);
    if (!known) return refused({ code: "not-found" });
    const entry = { ...draft.value, id: read.id, revision: read.revision, createdAt: known.createdAt };
    return await this.#perform({ kind: "entry.update", entry: entry, act }, () =>
      this.#deps.store.replace(entry, act.signal),
    );
  }

  async remove(id: string, act: Act): Promise<Outcome> {
    const known = this.#deps.registrations.entry(id);
    if (!known) return refused({ code: "not-found" });
    return await this.#perform({ kind: "entry.delete", entry: known, act }, () =>
      this.#deps.store.remove(id, act.signal),
    );
  }

  #rulesFor({ mayGrantRoles = false }: Act): EntryRules {
    const rules = this.#deps.rules();
    return mayGrantRoles ? { ...rules, roleBearers: noRoleBearers } : rules;
  }

  async #perform({ kind, entry, act }: Performance, write: () => Promise<Written>): Promise<Outcome> {
    const { ledger, registrations } = this.#deps;
    await ledger.recordEvent(this.#event(kind, entry, act.actor), act.signal);
    const written = await write();
    if (written.ok) {
      await registrations.refresh(act.signal);
      return written;
    }
    const refusal = this.#event(`${kind}.refused`, entry, act.actor);
    await ledger.recordEvent(
      { ...refusal, detail: { ...refusal.detail, reason: written.error } },
      act.signal,
    );
    return refused({ code: written.error });
  }

  #event(kind: string, entry: RegistrationEntry, actor: string): LedgerEvent {
    const { id, spiffeId, parentId, revision } = entry;
    const selectors = entry.selectors.join(" ");
    return {
      kind,
      actor,
      at: this.#deps.clock.now(),
      detail: { id, spiffeId, parentId, selectors, revision },
    };
  }
}
