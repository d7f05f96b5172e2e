import { leafBackdate } from "../../domain/certificate/validity.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Clock } from "../../foundation/clock.ts";
import { toMs } from "../../foundation/duration.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import type { AgentRecord, AgentStore, AgentVerdict } from "./agent-store.ts";
import type { Act } from "./entries.ts";

type Deps = {
  readonly store: AgentStore;
  readonly ledger: Pick<LedgerWriter, "recordEvent">;
  readonly clock: Clock;
};

export type NodeSvid = { readonly serial: string; readonly notAfter: Date };

/** A certificate of a node that verified. */
export type ShownSvid = { readonly serial: string; readonly notBefore: Date };

/** `banned`: a ban stays until it is lifted. `not-banned`: there is none to lift. */
export type VerdictRefusal = "not-found" | "banned" | "not-banned";
type Judged = Promise<Result<AgentRecord, VerdictRefusal>>;

/** Every attested agent in memory, so that letting one in reads no database; changes are durable before they count. */
export class AgentDirectory {
  readonly #deps: Deps;
  readonly #agents = new Map<string, AgentRecord>();
  readonly #expelListeners = new Set<(agent: SpiffeId) => void>();

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
   * Whether an agent may act that shows this certificate, which has verified. Which of those since its last attestation does not matter: an
   * answer to a renewal may have been lost, and then the older one is all that it has. What it had when it was evicted, or a ban of it was
   * lifted, counts no more, whoever shows it.
   */
  admits(agent: SpiffeId, svid: ShownSvid): boolean {
    const { expelled } = this.#agents.get(agent) ?? {};
    return this.isIn(agent) && (expelled === undefined || isIssuedSince(svid, expelled));
  }

  /** Attested, and neither banned nor evicted since. */
  isIn(agent: SpiffeId): boolean {
    const record = this.#agents.get(agent);
    return record !== undefined && record.ban === undefined && !isEvicted(record);
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

  /** Takes effect at once, until it is lifted: neither what it has nor a new attestation lets it in. */
  async ban(agent: SpiffeId, reason: string, act: Act): Judged {
    const known = this.#agents.get(agent);
    if (!known) return refused("not-found");
    const ban = { at: this.#deps.clock.now(), reason };
    return ok(
      await this.#judge(known, { kind: "agent.ban", reason, act }, { ban, expelled: known.expelled }),
    );
  }

  /** Takes effect at once: what it has counts no more, whoever shows it; it may attest again. */
  async evict(agent: SpiffeId, reason: string, act: Act): Judged {
    const known = this.#agents.get(agent);
    if (!known) return refused("not-found");
    if (known.ban !== undefined) return refused("banned");
    const verdict = { ban: undefined, expelled: this.#expelled(known) };
    return ok(await this.#judge(known, { kind: "agent.evict", reason, act }, verdict));
  }

  /** It may attest again; what it had before stays worthless. */
  async unban(agent: SpiffeId, reason: string, act: Act): Judged {
    const known = this.#agents.get(agent);
    if (!known) return refused("not-found");
    if (known.ban === undefined) return refused("not-banned");
    const verdict = { ban: undefined, expelled: this.#expelled(known) };
    return ok(await this.#judge(known, { kind: "agent.unban", reason, act }, verdict));
  }

  /** Called when an agent is banned or evicted: whoever holds its streams ends them. Returns the way to stop it. */
  onExpelled(listener: (agent: SpiffeId) => void): () => void {
    this.#expelListeners.add(listener);
    return () => void this.#expelListeners.delete(listener);
  }

  #expelled = ({ svidSerial }: AgentRecord) => ({ at: this.#deps.clock.now(), svidSerial });

  /** Recorded, then stored, then in force, then its streams are ended by the listeners. */
  async #judge(
    { spiffeId, ...known }: AgentRecord,
    { kind, reason, act }: { readonly kind: string; readonly reason: string; readonly act: Act },
    verdict: AgentVerdict,
  ): Promise<AgentRecord> {
    const at = this.#deps.clock.now();
    const event = { kind, actor: act.actor, at, detail: { agent: spiffeId, reason } };
    await this.#deps.ledger.recordEvent(event, act.signal);
    await this.#deps.store.judge(spiffeId, verdict, act.signal);
    const judged = { ...(this.#agents.get(spiffeId) ?? { spiffeId, ...known }), ...verdict };
    this.#agents.set(spiffeId, judged);
    for (const listener of this.#expelListeners) listener(spiffeId);
    return judged;
  }

  /** A verdict that came while the store was busy is in memory already and stays. */
  async #save(agent: Omit<AgentRecord, keyof AgentVerdict>, signal: AbortSignal): Promise<void> {
    await this.#deps.store.save(agent, signal);
    const { ban, expelled } = this.#agents.get(agent.spiffeId) ?? {};
    this.#agents.set(agent.spiffeId, { ...agent, ban, expelled });
  }
}

/** Evicted, and not attested since. */
export const isEvicted = ({ attestedAt, expelled }: AgentRecord): boolean =>
  expelled !== undefined && attestedAt <= expelled.at;

/** Leaves begin in whole seconds, a fixed time before they are issued; the one of that very second is known by its serial number. */
function isIssuedSince(
  svid: ShownSvid,
  { at, svidSerial }: { readonly at: Date; readonly svidSerial: string },
): boolean {
  const issuedAtMs = svid.notBefore.getTime() + toMs(leafBackdate);
  return (
    issuedAtMs >= Math.floor(at.getTime() / 1000) * 1000 && digitsOf(svid.serial) !== digitsOf(svidSerial)
  );
}

/** Whether written with its sign byte or without. */
const digitsOf = (serial: string): string => serial.replace(/^0+/, "");
