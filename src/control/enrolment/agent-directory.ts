import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Clock } from "../../foundation/clock.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import type { AgentRecord, AgentStore } from "./agent-store.ts";
import type { Act } from "./entries.ts";

type Deps = {
  readonly store: AgentStore;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly clock: Clock;
};

export type NodeSvid = { readonly serial: string; readonly notAfter: Date };

/** Every attested agent in memory, so that letting one in reads no database; changes are durable before they count. */
export class AgentDirectory {
  readonly #deps: Deps;
  readonly #agents = new Map<string, AgentRecord>();
  readonly #banListeners = new Set<(agent: SpiffeId) => void>();

  private constructor(deps: Deps) {
    this.#deps = deps;
  }

  static async load(deps: Deps, signal: AbortSignal): Promise<AgentDirectory> {
    const directory = new AgentDirectory(deps);
    for (const agent of await deps.store.all(signal)) directory.#agents.set(agent.spiffeId, agent);
    return directory;
  }

  find(agent: SpiffeId): AgentRecord | undefined {
    return this.#agents.get(agent);
  }

  all(): Iterable<AgentRecord> {
    return this.#agents.values();
  }

  /**
   * Whether an agent whose certificate has verified may act: attested here and not banned. Which of its certificates
   * it shows does not matter: an answer to a renewal may have been lost, and then the older one is all that it has.
   */
  admits(agent: SpiffeId): boolean {
    const record = this.#agents.get(agent);
    return record !== undefined && record.ban === undefined;
  }

  isBanned(agent: SpiffeId): boolean {
    return this.#agents.get(agent)?.ban !== undefined;
  }

  /** Remembers an agent that has just proved itself and its first SVID. */
  async attested(
    agent: { id: SpiffeId; attestor: string; svid: NodeSvid },
    signal: AbortSignal,
  ): Promise<void> {
    const now = this.#deps.clock.now();
    await this.#save(
      {
        spiffeId: agent.id,
        attestor: agent.attestor,
        attestedAt: now,
        svidSerial: agent.svid.serial,
        svidNotAfter: agent.svid.notAfter,
        lastSeenAt: now,
        ban: this.#agents.get(agent.id)?.ban,
      },
      signal,
    );
  }

  async renewed(agent: SpiffeId, svid: NodeSvid, signal: AbortSignal): Promise<void> {
    const known = this.#agents.get(agent);
    if (!known) return;
    const seen = { svidSerial: svid.serial, svidNotAfter: svid.notAfter, lastSeenAt: this.#deps.clock.now() };
    await this.#save({ ...known, ...seen }, signal);
  }

  /** In memory only: the store learns of it with the next change. */
  seen(agent: SpiffeId): void {
    const known = this.#agents.get(agent);
    if (known) this.#agents.set(agent, { ...known, lastSeenAt: this.#deps.clock.now() });
  }

  /** Takes effect at once and for good: recorded, then stored, then its streams are ended by the listeners. */
  async ban(agent: SpiffeId, reason: string, act: Act): Promise<Result<AgentRecord, "not-found">> {
    const known = this.#agents.get(agent);
    if (!known) return refused("not-found");
    const at = this.#deps.clock.now();
    const event = { kind: "agent.ban", actor: act.actor, at, detail: { agent, reason } };
    await this.#deps.ledger.recordEvent(event, act.signal);
    await this.#deps.store.ban(agent, { at, reason }, act.signal);
    const banned = { ...(this.#agents.get(agent) ?? known), ban: { at, reason } };
    this.#agents.set(agent, banned);
    for (const listener of this.#banListeners) listener(agent);
    return ok(banned);
  }

  /** Called when an agent is banned: whoever holds its streams ends them. Returns the way to stop it. */
  onBan(listener: (agent: SpiffeId) => void): () => void {
    this.#banListeners.add(listener);
    return () => void this.#banListeners.delete(listener);
  }

  async #save(agent: AgentRecord, signal: AbortSignal): Promise<void> {
    await this.#deps.store.save(agent, signal);
    // A ban that came while the store was busy is in memory already and stays.
    this.#agents.set(agent.spiffeId, { ...agent, ban: this.#agents.get(agent.spiffeId)?.ban ?? agent.ban });
  }
}
