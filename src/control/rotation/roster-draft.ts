import { type Holder, holderKey } from "../../domain/trust/holder.ts";
import type { RosterChange, SupersededLeaf } from "./holder-store.ts";

/** All holders in memory, found by key and by agent. */
export class RosterMemory {
  readonly #byAgent = new Map<string, Map<string, Holder>>();
  readonly #superseded = new Map<string, Date>();

  *holders(): Generator<Holder> {
    for (const own of this.#byAgent.values()) yield* own.values();
  }

  ofAgent(agentId: string): ReadonlyMap<string, Holder> {
    return this.#byAgent.get(agentId) ?? new Map();
  }

  agents(): Iterable<string> {
    return this.#byAgent.keys();
  }

  isSuperseded(requester: string, serial: string): boolean {
    return this.#superseded.has(`${requester}|${serial}`);
  }

  apply(change: RosterChange): void {
    for (const holder of change.holders) {
      const own = this.#byAgent.get(holder.agentId) ?? new Map<string, Holder>();
      this.#byAgent.set(holder.agentId, own.set(holderKey(holder), holder));
    }
    for (const holder of change.ended) this.#byAgent.get(holder.agentId)?.delete(holderKey(holder));
    for (const { requester, serial, at } of change.superseded) {
      this.#superseded.set(`${requester}|${serial}`, at);
    }
  }

  forgetSuperseded(before: Date): void {
    for (const [key, at] of this.#superseded) if (at < before) this.#superseded.delete(key);
  }
}

/** Changes on top of the memory, gathered for one write. */
export class RosterDraft {
  readonly #memory: RosterMemory;
  readonly #changed = new Map<string, Holder>();
  readonly #ended = new Map<string, Holder>();
  readonly #superseded: SupersededLeaf[] = [];

  constructor(memory: RosterMemory) {
    this.#memory = memory;
  }

  get(agentId: string, key: string): Holder | undefined {
    if (this.#ended.has(key)) return undefined;
    return this.#changed.get(key) ?? this.#memory.ofAgent(agentId).get(key);
  }

  /** Every holder of the agent, this draft's changes included. */
  ofAgent(agentId: string): Holder[] {
    const keys = new Set(this.#memory.ofAgent(agentId).keys());
    for (const [key, holder] of this.#changed) if (holder.agentId === agentId) keys.add(key);
    return [...keys].flatMap((key) => this.get(agentId, key) ?? []);
  }

  put(holder: Holder): void {
    const key = holderKey(holder);
    this.#ended.delete(key);
    this.#changed.set(key, holder);
  }

  end(holder: Holder): void {
    const key = holderKey(holder);
    this.#changed.delete(key);
    this.#ended.set(key, holder);
  }

  supersede(leaf: SupersededLeaf): void {
    this.#superseded.push(leaf);
  }

  change(): RosterChange {
    return {
      holders: [...this.#changed.values()],
      ended: [...this.#ended.values()],
      superseded: this.#superseded,
    };
  }
}
