import type { AcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import { holderName } from "../../domain/trust/barrier-words.ts";
import { type Holder, type HolderIdentity, holderId, holderKey } from "../../domain/trust/holder.ts";
import { countsUntil, isSameProcess } from "../../domain/trust/holder-processes.ts";
import {
  type HolderQuarantine,
  quarantineFlaw,
  siblingsOf,
  stoppedIdentities,
} from "../../domain/trust/holder-quarantine.ts";
import type { Clock } from "../../foundation/clock.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerEvent, LedgerWriter } from "../ledger/ledger-writer.ts";
import type { HolderQuarantineStore } from "./holder-quarantine-store.ts";
import type { HolderRoster } from "./holder-roster.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import type { QuarantineRecord } from "./quarantine-record.ts";
import type { RotationObserver } from "./rotation-event.ts";

type Deps = {
  readonly roster: Pick<HolderRoster, "holders" | "holdersOf">;
  readonly store: HolderQuarantineStore;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly observer: RotationObserver;
  readonly policy: AcceptancePolicy;
  readonly clock: Clock;
};

/** `changed` is false where everything was as asked already. */
export type QuarantineAnswer = { readonly quarantine: QuarantineRecord; readonly changed: boolean };
export type QuarantineRefusal = { readonly code: "not-found" | "not-possible"; readonly message: string };
type Outcome = Promise<Result<QuarantineAnswer, QuarantineRefusal>>;
type Act = { readonly actor: string; readonly reason: string };

const mostSiblings = 50;
const byItself = "server";

/**
 * Holders whose certificates are renewed no more. Durable: in force once it is in the ledger and stored, until an operator
 * releases the holder or its process has exited.
 */
export class HolderQuarantines {
  readonly #deps: Deps;
  readonly #byKey = new Map<string, HolderQuarantine>();
  readonly #turns = new OneAtATime();

  private constructor(deps: Deps) {
    this.#deps = deps;
  }

  static async open(deps: Deps, signal: AbortSignal): Promise<HolderQuarantines> {
    const quarantines = new HolderQuarantines(deps);
    await quarantines.#reload(signal);
    return quarantines;
  }

  /** Whether nothing is issued for this identity to this agent. Asked for each leaf: nothing is looked up while nobody is in quarantine. */
  stops(requester: string, spiffeId: string): boolean {
    for (const { holder } of this.#byKey.values()) {
      if (holder.agentId !== requester) continue;
      if (stoppedIdentities(holder, this.#deps.roster.holdersOf(requester)).has(spiffeId)) return true;
    }
    return false;
  }

  get count(): number {
    return this.#byKey.size;
  }

  /** That of the holder's process, under whichever of its identities it was put there. */
  of(who: HolderIdentity): QuarantineRecord | undefined {
    const known = this.#ofProcess(who);
    return known && this.#describe(known);
  }

  list(): QuarantineRecord[] {
    return [...this.#byKey.values()].map((quarantine) => this.#describe(quarantine));
  }

  /** `name` is a holder's id or key. Asked again it changes nothing, the reason included. */
  begin(name: string, { actor, reason }: Act, signal: AbortSignal): Outcome {
    return this.#turns.run(async () => {
      const found = this.#find(name);
      if (!found.ok) return found;
      const holder = found.value;
      const flaw = quarantineFlaw(holder, this.#deps.roster.holdersOf(holder.agentId));
      if (flaw !== undefined)
        return refused({ code: "not-possible", message: `${holderName(holder)} ${flaw}` } as const);
      const known = this.#ofProcess(holder);
      if (known) return ok({ quarantine: this.#describe(known), changed: false });
      return ok(await this.#begin(holder, { actor, reason }, signal));
    });
  }

  /** Lets the holder have certificates again. One that is not in quarantine stays as it is. */
  release(name: string, { actor, reason }: Act, signal: AbortSignal): Outcome {
    return this.#turns.run(async () => {
      const named = [...this.#byKey.values()].find(({ holder }) => isNamed(holder, name));
      const found = named ? ok(named.holder) : this.#find(name);
      if (!found.ok) return found;
      const holder = found.value;
      const known = this.#ofProcess(holder);
      if (!known) return ok({ quarantine: this.#describe({ holder, ...none }), changed: false });
      const event = { kind: "holder.released", actor, detail: { reason } };
      const changed = await this.#end(known, event, signal);
      return ok({ quarantine: this.#describe(known), changed });
    });
  }

  /** Ends the quarantine of processes that have exited: what has their identity next is another process. */
  endGone(signal: AbortSignal): Promise<void> {
    if (this.#byKey.size === 0) return Promise.resolve();
    return this.#turns.run(async () => {
      for (const quarantine of [...this.#byKey.values()]) {
        const own = [...this.#deps.roster.holdersOf(quarantine.holder.agentId)];
        if (own.some((holder) => isSameProcess(holder, quarantine.holder))) continue;
        const event = { kind: "holder.quarantine-ended", actor: byItself, detail: { why: "exited" } };
        await this.#end(quarantine, event, signal);
      }
    });
  }

  async #begin(holder: Holder, { actor, reason }: Act, signal: AbortSignal): Promise<QuarantineAnswer> {
    const { store, observer, clock } = this.#deps;
    const { agentId, spiffeId, pid, startTime, kind } = holder;
    const who = { agentId, spiffeId, pid, startTime, kind };
    const quarantine = { holder: who, label: holderName(holder), by: actor, reason, since: clock.now() };
    await this.#record({ kind: "holder.quarantined", actor, detail: { reason } }, quarantine, signal);
    if (!(await store.add(quarantine, signal))) {
      await this.#reload(signal);
      const theirs = this.#byKey.get(holderKey(who)) ?? quarantine;
      return { quarantine: this.#describe(theirs), changed: false };
    }
    this.#byKey.set(holderKey(who), quarantine);
    observer.saw({ kind: "holder-quarantined", holder: holderKey(who), actor, reason });
    return { quarantine: this.#describe(quarantine), changed: true };
  }

  async #end(
    quarantine: HolderQuarantine,
    event: Pick<LedgerEvent, "kind" | "actor" | "detail">,
    signal: AbortSignal,
  ): Promise<boolean> {
    const key = holderKey(quarantine.holder);
    await this.#record(event, quarantine, signal);
    const changed = await this.#deps.store.remove(key, signal);
    this.#byKey.delete(key);
    this.#deps.observer.saw({ kind: "holder-released", holder: key, actor: event.actor });
    return changed;
  }

  #record(
    { kind, actor, detail }: Pick<LedgerEvent, "kind" | "actor" | "detail">,
    { holder, label }: HolderQuarantine,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { ledger, clock } = this.#deps;
    const about = { holder: holderKey(holder), label };
    return ledger.recordEvent({ kind, actor, at: clock.now(), detail: { ...about, ...detail } }, signal);
  }

  async #reload(signal: AbortSignal): Promise<void> {
    const stored = await this.#deps.store.all(signal);
    this.#byKey.clear();
    for (const quarantine of stored) this.#byKey.set(holderKey(quarantine.holder), quarantine);
  }

  #ofProcess(who: HolderIdentity): HolderQuarantine | undefined {
    return [...this.#byKey.values()].find(({ holder }) => isSameProcess(holder, who));
  }

  #find(name: string): Result<Holder, QuarantineRefusal> {
    const [found, other] = this.#deps.roster.holders().filter((holder) => isNamed(holder, name));
    if (found && !other) return ok(found);
    const message = other
      ? `the id "${name}" is that of several holders: name one by its whole key, from \`rotation status --output json\``
      : `no holder has the id "${name}": \`meshmint rotation status\` and \`meshmint proxies --lagging\` show ids`;
    return refused({ code: "not-found", message });
  }

  #describe({ holder, label, by, reason, since }: HolderQuarantine): QuarantineRecord {
    const { roster, policy } = this.#deps;
    const own = [...roster.holdersOf(holder.agentId)];
    const process = own.filter((one) => isSameProcess(one, holder));
    const siblings = siblingsOf(holder, own).map(holderName);
    return {
      id: holderId(holder),
      holder: holderKey(holder),
      label,
      by,
      reason,
      sinceMs: since.getTime(),
      endsMs: countsUntil(process, policy)?.getTime() ?? 0,
      spiffeIds: [...stoppedIdentities(holder, own)],
      siblings: siblings.slice(0, mostSiblings),
      siblingsTotal: siblings.length,
    };
  }
}

const none = { label: "", by: "", reason: "", since: new Date(0) };

const isNamed = (who: HolderIdentity, name: string): boolean =>
  holderId(who) === name || holderKey(who) === name;
