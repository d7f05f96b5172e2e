import { type Holder, type HolderIdentity, holderKey } from "../../domain/trust/holder.ts";
import { allStreamsClosed } from "../../domain/trust/holder-updates.ts";
import type { RecordedLeaf } from "../../domain/trust/leaves-barrier.ts";
import type { Clock } from "../../foundation/clock.ts";
import { minutes, toMs } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import { type HolderReport, type HolderReportMessage, readReport } from "./holder-report.ts";
import type { HolderStore } from "./holder-store.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { RosterDraft, RosterMemory } from "./roster-draft.ts";
import {
  agentIdentity,
  clampTimes,
  formerSerial,
  hasBundle,
  holderOf,
  type OwnLeaf,
  serverIdentity,
  withBundle,
  withOwnLeaf,
} from "./roster-holders.ts";

type Deps = {
  readonly store: HolderStore;
  readonly clock: Clock;
  /** The bundle that is handed out now. */
  readonly bundle: () => { readonly sequence: number; readonly anchors: readonly string[] };
};

/** A leaf issued this recently may still be on its way to the agent that listed what it serves. */
const inTransit = minutes(1);
/** Two full reports: the processes of now, and as many of before an agent lost its own roster. Bounds memory and store. */
const mostHoldersOfAgent = 40_000;

type Edit = { readonly edit: (draft: RosterDraft) => void; resolve(): void; reject(why: unknown): void };

/**
 * Who holds trust material of the domain. Fed by agents' reports; each write is durable before its call resolves, and
 * writes that meet are one transaction. An agent that is away keeps its holders.
 */
export class HolderRoster {
  readonly #deps: Deps;
  readonly #memory = new RosterMemory();
  readonly #served = new Map<string, { readonly serials: ReadonlySet<string>; readonly at: Date }>();
  readonly #connections = new Map<string, number>();
  readonly #seenAt = new Map<string, Date>();
  readonly #listeners = new Set<() => void>();
  readonly #writes = new OneAtATime();
  readonly #openedAt: Date;
  /** Under which ID this server presents its own certificates. */
  #serverId = "";
  #waiting: Edit[] = [];

  private constructor(deps: Deps) {
    this.#deps = deps;
    this.#openedAt = deps.clock.now();
  }

  static async open(deps: Deps, signal: AbortSignal): Promise<HolderRoster> {
    const roster = new HolderRoster(deps);
    const stored = await deps.store.load(signal);
    roster.#memory.apply({ ...stored, ended: [] });
    // Who was in contact while no server ran is not known: leases count from now.
    for (const agent of roster.#memory.agents()) roster.#seenAt.set(agent, deps.clock.now());
    return roster;
  }

  /** Takes an agent's report; throws INVALID_ARGUMENT for one that no honest agent makes. */
  async accept(agentId: string, message: HolderReportMessage, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const report = readReport(agentId, message);
    this.#refuseTooMany(agentId, report);
    this.#seenAt.set(agentId, this.#deps.clock.now());
    await this.#write((draft) => this.#take(agentId, report, draft));
    if (report.served.length > 0) this.#serves(agentId, report.served);
  }

  #refuseTooMany(agentId: string, { holders }: HolderReport): void {
    const held = this.#memory.ofAgent(agentId);
    const added = [...holders].filter(([key, { gone }]) => !gone && !held.has(key)).length;
    if (added === 0 || held.size + added <= mostHoldersOfAgent) return;
    throw new Fault("INVALID_ARGUMENT", `an agent has at most ${mostHoldersOfAgent} holders`);
  }

  /** A Watch stream of the agent began; each call has one `disconnected`. */
  connected(agentId: string): void {
    this.#connections.set(agentId, (this.#connections.get(agentId) ?? 0) + 1);
    this.#tell();
  }

  disconnected(agentId: string): void {
    this.#connections.set(agentId, Math.max(0, (this.#connections.get(agentId) ?? 0) - 1));
    this.#seenAt.set(agentId, this.#deps.clock.now());
    this.#tell();
  }

  isConnected(agentId: string): boolean {
    return (this.#connections.get(agentId) ?? 0) > 0;
  }

  /**
   * A node SVID is about to be handed to an agent, with the bundle if it is its first: from here on the agent is a
   * holder, until that SVID has expired. Call before the answer is sent.
   */
  async nodeSvidIssued(agentId: string, leaf: OwnLeaf, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#write((draft) => {
      const now = this.#deps.clock.now();
      const identity = agentIdentity(agentId);
      const known = draft.get(agentId, holderKey(identity)) ?? holderOf(identity, now);
      const { sequence, anchors } = this.#deps.bundle();
      const given = { sequence: String(sequence), anchors, taken: false };
      draft.put(withOwnLeaf(hasBundle(known) ? known : withBundle(known, given, now), leaf, now));
    });
  }

  /**
   * The server's listener presents this certificate now and verifies agents with the bundle of now. What it presented
   * before is superseded; so are the own leaves of an earlier run, whose keys died with it.
   */
  async serverServes(serverId: string, leaf: OwnLeaf, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#write((draft) => {
      const now = this.#deps.clock.now();
      const identity = serverIdentity(serverId);
      const known = draft.get(serverId, holderKey(identity)) ?? holderOf(identity, now);
      const former = formerSerial(known, leaf);
      if (former) draft.supersede({ requester: serverId, serial: former, at: now });
      const { sequence, anchors } = this.#deps.bundle();
      const taken = { sequence: String(sequence), anchors, taken: true };
      draft.put(withOwnLeaf(withBundle(known, taken, now), leaf, now));
    });
    this.#serverId = serverId;
    this.#serves(serverId, [leaf.serial]);
  }

  /**
   * Changes one holder, or ends it, where `update` gives undefined. It is called with what is known among other writes, must not
   * throw, and what it gave is durable when this resolves.
   */
  async change(
    who: HolderIdentity,
    update: (known: Holder | undefined, at: Date) => Holder | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    await this.#write((draft) => {
      const known = draft.get(who.agentId, holderKey(who));
      const next = update(known, this.#deps.clock.now());
      if (next) draft.put(next);
      else if (known) draft.end(known);
    });
  }

  holders(): Holder[] {
    return [...this.#memory.holders()];
  }

  holdersOf(agentId: string): Iterable<Holder> {
    return this.#memory.ofAgent(agentId).values();
  }

  /** Last contact per agent: now for those that are connected. */
  agentsSeenAt(): ReadonlyMap<string, Date> {
    const now = this.#deps.clock.now();
    const seen = new Map(this.#seenAt);
    for (const [agent, count] of this.#connections) if (count > 0) seen.set(agent, now);
    return seen;
  }

  /** Whether the leaf's requester has said, in one way or the other, that it serves it to nobody any more. */
  isSuperseded(leaf: Pick<RecordedLeaf, "requester" | "serial" | "issuedAt">): boolean {
    if (this.#memory.isSuperseded(leaf.requester, leaf.serial)) return true;
    const served = this.#served.get(leaf.requester);
    if (!served || served.serials.has(leaf.serial)) return false;
    // A server that was killed before it presented its certificate has named it nowhere; the key died with it all the same.
    if (leaf.requester === this.#serverId && leaf.issuedAt < this.#openedAt) return true;
    return leaf.issuedAt.getTime() < served.at.getTime() - toMs(inTransit);
  }

  async forgetSuperseded(before: Date, signal: AbortSignal): Promise<void> {
    await this.#deps.store.forgetSuperseded(before, signal);
    this.#memory.forgetSuperseded(before);
  }

  /** Drops holders that no longer count (anchorsBarrier's "gone"); they would count as new if they were ever seen again. */
  async forget(holders: readonly Holder[]): Promise<void> {
    await this.#write((draft) => {
      for (const holder of holders) {
        if (draft.get(holder.agentId, holderKey(holder)) === holder) draft.end(holder);
      }
    });
  }

  /** Calls the listener after each change that may move a barrier. Returns the way to stop it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #take(agentId: string, report: HolderReport, draft: RosterDraft): void {
    const now = this.#deps.clock.now();
    for (const holder of report.holders.values()) {
      if (holder.gone) draft.end(holder);
      else draft.put(clampTimes(holder, now));
    }
    if (report.full) this.#closeUnreported(agentId, report, draft);
    for (const serial of report.superseded) draft.supersede({ requester: agentId, serial, at: now });
    if (!report.acceptance) return;
    const identity = agentIdentity(agentId);
    const known = draft.get(agentId, holderKey(identity)) ?? holderOf(identity, now);
    draft.put(withBundle(known, { ...report.acceptance, taken: true }, now));
  }

  /** An agent that lost its roster no longer sees these processes; that they are gone it has not said. */
  #closeUnreported(agentId: string, report: HolderReport, draft: RosterDraft): void {
    for (const holder of draft.ofAgent(agentId)) {
      const unseen = holder.pid > 0 && !report.holders.has(holderKey(holder));
      if (unseen) draft.put(allStreamsClosed(holder, this.#deps.clock.now()));
    }
  }

  #serves(requester: string, serials: readonly string[]): void {
    this.#served.set(requester, { serials: new Set(serials), at: this.#deps.clock.now() });
    this.#tell();
  }

  #write(edit: (draft: RosterDraft) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ edit, resolve, reject });
      if (this.#waiting.length === 1) void this.#writes.run(() => this.#flush());
    });
  }

  /** Everything that waits goes into one transaction; memory follows once it is durable. */
  async #flush(): Promise<void> {
    const edits = this.#waiting;
    this.#waiting = [];
    const draft = new RosterDraft(this.#memory);
    try {
      for (const { edit } of edits) edit(draft);
      const change = draft.change();
      // A caller that hung up does not undo the others' writes: the transaction runs to its end.
      await this.#deps.store.save(change, new AbortController().signal);
      this.#memory.apply(change);
    } catch (thrown) {
      for (const { reject } of edits) reject(thrown);
      return;
    }
    for (const { resolve } of edits) resolve();
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
