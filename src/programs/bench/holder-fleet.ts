import { setImmediate as turn } from "node:timers/promises";
import { type Behaviour, fallsSilent } from "./behaviour.ts";
import { SecretReader } from "./held-secrets.ts";
import type { HolderEvent } from "./holder-event.ts";
import type { HolderPlan } from "./holder-plan.ts";
import { type CheckPlan, type CheckRound, type FailedHandshake, PeerChecks } from "./peer-checks.ts";
import { SimulatedHolder } from "./simulated-holder.ts";
import { StandInPrograms } from "./stand-in-programs.ts";

export type FleetOptions = {
  readonly plans: readonly HolderPlan[];
  /** Where the holders' programs are put: `FOLDER/holder-N`. */
  readonly folder: string;
  readonly check: CheckPlan;
  /** How long a slow holder takes. */
  readonly slowMs: number;
  /** How long a flapping holder keeps its streams, on average. */
  readonly flapEveryMs: number;
};

export type FleetCounts = {
  readonly holders: number;
  readonly connected: number;
  /** Holding a certificate that has not ended. */
  readonly withLeaf: number;
  readonly withBundle: number;
  /** Having acknowledged the bundle whose content came up last. */
  readonly newestBundle: number;
  readonly silent: number;
  readonly gone: number;
  /** Refusals on purpose. */
  readonly refusals: number;
  /** Secrets that no server may give. */
  readonly flawed: number;
  readonly interruptions: number;
  readonly checks: number;
  readonly handshakes: number;
  readonly failed: number;
};

/** Starting a process costs some 50 ms of a processor. */
const startsAtOnce = 4;

/**
 * Simulated holders of one mesh: each a process, a connection and two streams to an agent, and what it has taken of it.
 * To agent and server each is a holder of its own; to this process they are objects that can be asked.
 */
export class HolderFleet {
  readonly holders: readonly SimulatedHolder[];
  /** Each one's executable, in the holders' order: what a registration entry can name. */
  readonly programs: readonly string[];
  readonly #checks: PeerChecks;
  readonly #listeners = new Set<(event: HolderEvent) => void>();
  readonly #contents = new Set<string>();
  readonly #flaws: string[] = [];
  #refusals = 0;
  #flawed = 0;
  #interruptions = 0;

  private constructor(options: FleetOptions, programs: readonly string[]) {
    this.programs = programs;
    this.#checks = new PeerChecks(options.check);
    const shared = {
      ...{ reader: new SecretReader(), slowMs: options.slowMs, flapEveryMs: options.flapEveryMs },
      saw: (event: HolderEvent) => this.#saw(event),
    };
    this.holders = options.plans.map(
      (plan, at) => new SimulatedHolder(plan, { ...shared, program: programs[at] ?? "" }),
    );
  }

  /** Lays out the programs. Throws CONFIG_INVALID for a folder that others may write to. */
  static async open(options: FleetOptions): Promise<HolderFleet> {
    const programs = await StandInPrograms.open(options.folder);
    return new HolderFleet(options, await programs.forEach(options.plans));
  }

  /** Starts every holder, and resolves when each is connected. Rejects when the signal aborts; then call `close`. */
  async start(signal: AbortSignal): Promise<void> {
    const waiting = [...this.holders].reverse();
    const starter = async () => {
      for (let holder = waiting.pop(); holder; holder = waiting.pop()) {
        signal.throwIfAborted();
        await holder.start();
      }
    };
    await Promise.all(Array.from({ length: startsAtOnce }, starter));
    signal.throwIfAborted();
  }

  /** Told of everything that happens to any holder, until the returned function is called. */
  onEvent(listener: (event: HolderEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  counts(): FleetCounts {
    const now = new Date();
    const newest = [...this.#contents].at(-1);
    const count = (is: (holder: SimulatedHolder) => boolean) => this.holders.filter(is).length;
    const { checks, handshakes, failed } = this.#checks;
    return {
      holders: this.holders.length,
      connected: count(({ isConnected }) => isConnected),
      withLeaf: count(
        ({ leaf, isGone }) => !isGone && leaf !== undefined && now <= leaf.chain[0].fields.notAfter,
      ),
      withBundle: count(({ bundle, isGone }) => !isGone && bundle !== undefined),
      newestBundle: count(({ bundle, isGone }) => !isGone && bundle?.parts === newest),
      silent: count(({ isSilent, isGone }) => isSilent && !isGone),
      gone: count(({ isGone }) => isGone),
      ...{ refusals: this.#refusals, flawed: this.#flawed, interruptions: this.#interruptions },
      ...{ checks, handshakes, failed },
    };
  }

  /** The first of them: of handshakes that failed, and of secrets that no server may give. */
  get failures(): readonly FailedHandshake[] {
    return this.#checks.failures;
  }

  get flaws(): readonly string[] {
    return this.#flaws;
  }

  /** Each holder verifies random peers once, with what each has taken so far. */
  checkPeers(signal: AbortSignal): Promise<CheckRound> {
    return this.#checks.round(this.holders, signal);
  }

  /** Those of this behaviour come back, or give in; a few at a time, so that others are heard between. */
  async release(behaviour: Extract<Behaviour, "late" | "silent" | "refusing">): Promise<void> {
    for (const holder of this.holders) {
      if (holder.plan.behaviour !== behaviour || holder.isGone) continue;
      holder.release();
      await turn();
    }
  }

  /** Those that hang for good, or until they are released. */
  get laggards(): readonly SimulatedHolder[] {
    return this.holders.filter(({ plan }) => fallsSilent(plan.behaviour));
  }

  close(): void {
    for (const holder of this.holders) holder.close();
  }

  #saw(event: HolderEvent): void {
    if (event.kind === "refused") this.#refusals += 1;
    if (event.kind === "interrupted") this.#interruptions += 1;
    if (event.kind === "flawed") {
      this.#flawed += 1;
      if (this.#flaws.length < 100) this.#flaws.push(`${event.plan.spiffeId}: ${event.secret}: ${event.why}`);
    }
    if (event.kind === "offered" && event.held.kind === "bundle") this.#contents.add(event.held.parts);
    for (const listener of this.#listeners) listener(event);
  }
}
