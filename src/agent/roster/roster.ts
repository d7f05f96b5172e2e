import { type Holder, type HolderKind, holderKey, newHolder } from "../../domain/trust/holder.ts";
import { allStreamsClosed, gone } from "../../domain/trust/holder-updates.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { AgentObserver } from "../agent-event.ts";
import type { Alarm } from "../alarm.ts";

/** Where the roster outlives the agent. Lines are kept in the order of the calls. */
export interface RosterLog {
  /** Each holder replaces what was kept under its key. Resolves once durable; rejects with STORE_FAILED. */
  append(holders: readonly Holder[]): Promise<void>;
  /** From now on just these are kept. */
  compact(holders: readonly Holder[]): Promise<void>;
}

export type RosterDeps = {
  readonly agentId: string;
  readonly log: RosterLog;
  readonly processes: { startTimeOf(pid: number): string | undefined };
  readonly clock: Clock;
  readonly alarm: Alarm;
  readonly observer: AgentObserver;
};

/** A local process as a holder; `kind` is the protocol that it holds things by. */
export type LocalHolder = {
  readonly process: { readonly pid: number; readonly startTime: string };
  readonly kind: HolderKind;
  readonly spiffeId: string;
  readonly label: string;
};

type Change = (holder: Holder, at: Date) => Holder;

const sweepEveryMs = 1000;
const slackLines = 1000;
const longestLabel = 512; // a proxy may call itself anything

/**
 * Who on this node was given what. It outlives the agent: after a restart all that was handed out counts as held until
 * its process is seen to be gone.
 */
export class Roster {
  readonly #deps: RosterDeps;
  readonly #holders = new Map<string, Holder>();
  /** Keys of the same, by process: every event of a proxy asks for them. */
  readonly #ofProcess = new Map<string, Set<string>>();
  readonly #changed = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #lines = 0;
  #isStopped = false;
  #stopAlarm: () => void = () => undefined;

  constructor(deps: RosterDeps, kept: readonly Holder[]) {
    this.#deps = deps;
    const now = deps.clock.now();
    // A folder that joined anew as another node: the server keeps the former node's holders under its name.
    const own = kept.filter(({ agentId }) => agentId === deps.agentId);
    for (const holder of own) this.#set(allStreamsClosed(holder, now));
  }

  /** Begins to look for processes that have exited, now and then every second, until `stop`. */
  start(): void {
    this.#sweep();
    this.#stopAlarm = this.#deps.alarm.after(sweepEveryMs, () => this.start());
  }

  /** What is recorded afterwards may be lost: the next start takes every stream for closed anyway. */
  stop(): void {
    this.#isStopped = true;
    this.#stopAlarm();
  }

  /** Records what a holder did. A change that gives the very holder that it was given costs nothing. */
  record(who: LocalHolder, change: Change): void {
    this.#update(who, change).catch((thrown: unknown) => this.#failed(thrown));
  }

  /** Records what a holder is about to be given; resolves once that is durable, and nothing may be given before. */
  recordDelivery(who: LocalHolder, change: Change): Promise<void> {
    return this.#update(who, change);
  }

  /** What this process already is a holder as: one for each SPIFFE ID that it was given something of. */
  findAll(process: LocalHolder["process"], kind: HolderKind): readonly Holder[] {
    const keys = [...(this.#ofProcess.get(processKey(process)) ?? [])];
    const holders = keys.flatMap((key) => this.#holders.get(key) ?? []);
    return holders.filter((holder) => holder.kind === kind && !holder.gone);
  }

  all(): readonly Holder[] {
    return [...this.#holders.values()];
  }

  /** Holders that changed since the last call. */
  takeChanged(): readonly Holder[] {
    const holders = [...this.#changed].flatMap((key) => this.#holders.get(key) ?? []);
    this.#changed.clear();
    return holders;
  }

  /** The server has durably taken note that these are gone. */
  forget(holders: readonly Holder[]): void {
    for (const holder of holders) if (holder.gone) this.#delete(holder);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #update(who: LocalHolder, change: Change): Promise<void> {
    const { agentId, clock } = this.#deps;
    const { process, kind, spiffeId } = who;
    const label = who.label.slice(0, longestLabel);
    const now = clock.now();
    const identity = { agentId, spiffeId, pid: process.pid, startTime: process.startTime, kind };
    const kept = this.#holders.get(holderKey(identity));
    const known = kept ?? newHolder(identity, label, now);
    const after = change(label === "" || label === known.label ? known : { ...known, label }, now);
    if (after !== kept) await this.#keep([after]);
  }

  async #keep(holders: readonly Holder[]): Promise<void> {
    for (const holder of holders) {
      this.#set(holder);
      this.#changed.add(holderKey(holder));
    }
    for (const listener of [...this.#listeners]) listener();
    this.#lines += holders.length;
    if (this.#lines <= 2 * this.#holders.size + slackLines) return this.#deps.log.append(holders);
    this.#lines = this.#holders.size;
    return this.#deps.log.compact(this.all());
  }

  #set(holder: Holder): void {
    const [key, ofProcess] = [holderKey(holder), processKey(holder)];
    this.#holders.set(key, holder);
    const keys = this.#ofProcess.get(ofProcess) ?? new Set();
    this.#ofProcess.set(ofProcess, keys.add(key));
  }

  #delete(holder: Holder): void {
    const [key, ofProcess] = [holderKey(holder), processKey(holder)];
    this.#holders.delete(key);
    const keys = this.#ofProcess.get(ofProcess);
    keys?.delete(key);
    if (keys?.size === 0) this.#ofProcess.delete(ofProcess);
  }

  /** A process is gone when its pid is free or belongs to a process that started at another time. */
  #sweep(): void {
    const now = this.#deps.clock.now();
    const exited = this.all().filter(
      ({ gone: isGone, pid, startTime }) => !isGone && this.#deps.processes.startTimeOf(pid) !== startTime,
    );
    if (exited.length === 0) return;
    for (const { pid, spiffeId } of exited) this.#deps.observer.saw({ kind: "holder-gone", pid, spiffeId });
    this.#keep(exited.map((holder) => gone(holder, now))).catch((thrown: unknown) => this.#failed(thrown));
  }

  #failed(thrown: unknown): void {
    if (this.#isStopped) return;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    this.#deps.observer.saw({ kind: "roster-failed", reason });
  }
}

const processKey = ({ pid, startTime }: LocalHolder["process"]): string => `${pid} ${startTime}`;
