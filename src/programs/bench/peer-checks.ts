import { randomInt } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type { SimulatedHolder } from "./simulated-holder.ts";
import { handshakeFlaw } from "./tls-handshake.ts";
import { whyRefused } from "./verify-peer.ts";

/** A handshake that would fail: who refused whom, and why. */
export type FailedHandshake = {
  readonly at: string;
  readonly refuser: string;
  readonly refused: string;
  readonly why: string;
};

export type CheckRound = {
  readonly checks: number;
  readonly failed: number;
  /** Real handshakes among them. */
  readonly handshakes: number;
};

export type CheckPlan = {
  /** Random others that each holder verifies in a round. */
  readonly peers: number;
  /** Real handshakes in a round. */
  readonly handshakes: number;
};

/** So that acknowledgements go on while two thousand holders look at each other. */
const holdersPerTurn = 50;
const mostKept = 200;

/** Lets holders judge each other with what each has taken so far, and counts. */
export class PeerChecks {
  readonly #plan: CheckPlan;
  readonly #failures: FailedHandshake[] = [];
  checks = 0;
  failed = 0;
  handshakes = 0;

  constructor(plan: CheckPlan) {
    this.#plan = plan;
  }

  /** The first two hundred. */
  get failures(): readonly FailedHandshake[] {
    return this.#failures;
  }

  /** Each holder looks at its random peers once. */
  async round(holders: readonly SimulatedHolder[], signal: AbortSignal): Promise<CheckRound> {
    const before = { checks: this.checks, failed: this.failed, handshakes: this.handshakes };
    for (const [at, holder] of holders.entries()) {
      if (at % holdersPerTurn === 0) await turn();
      signal.throwIfAborted();
      for (let count = 0; count < this.#plan.peers; count += 1) this.#look(holder, otherThan(at, holders));
    }
    const pairs = holders.length < 2 ? 0 : this.#plan.handshakes;
    for (let count = 0; count < pairs; count += 1) {
      const at = randomInt(holders.length);
      await this.#shake(holders[at], otherThan(at, holders), signal);
    }
    return {
      checks: this.checks - before.checks,
      failed: this.failed - before.failed,
      handshakes: this.handshakes - before.handshakes,
    };
  }

  #look(holder: SimulatedHolder, peer: SimulatedHolder | undefined): void {
    const now = new Date();
    const met = meet(holder, peer, now);
    if (!met) return;
    this.checks += 1;
    const why = whyRefused(met.theirs.leaf, met.ours.bundle, now);
    if (why !== undefined) this.#fail(holder, peer, why);
  }

  /** What each side holds at the start is what it shakes hands with. */
  async #shake(
    caller: SimulatedHolder | undefined,
    callee: SimulatedHolder | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const now = new Date();
    const met = meet(caller, callee, now);
    if (!met) return;
    const { ours, theirs } = met;
    const own = whyRefused(theirs.leaf, ours.bundle, now) ?? whyRefused(ours.leaf, theirs.bundle, now);
    const real = await handshakeFlaw(ours, theirs, signal);
    this.handshakes += 1;
    if (real !== undefined) this.#fail(caller, callee, `OpenSSL: ${real}`);
    else if (own !== undefined) this.#fail(caller, callee, `${own}; OpenSSL has no objection`);
  }

  #fail(refuser: SimulatedHolder | undefined, refused: SimulatedHolder | undefined, why: string): void {
    this.failed += 1;
    if (this.#failures.length >= mostKept) return;
    const at = new Date().toISOString();
    const [by, whom] = [refuser?.plan.spiffeId ?? "", refused?.plan.spiffeId ?? ""];
    this.#failures.push({ at, refuser: by, refused: whom, why });
  }
}

/** What two holders meet with; undefined where one of them meets nobody. */
function meet(one: SimulatedHolder | undefined, other: SimulatedHolder | undefined, now: Date) {
  const [ours, theirs] = [one?.shows(now), other?.shows(now)];
  return ours && theirs ? { ours, theirs } : undefined;
}

/** A random one of the others. */
function otherThan(at: number, holders: readonly SimulatedHolder[]): SimulatedHolder | undefined {
  if (holders.length < 2) return undefined;
  const other = randomInt(holders.length - 1);
  return holders[other < at ? other : other + 1];
}
