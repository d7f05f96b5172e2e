import { asFault, Fault } from "../../foundation/fault.ts";
import { refused } from "../../foundation/result.ts";
import { FleetMember, type Outcome } from "./fleet-member.ts";
import type { Quarantines } from "./kept-quarantines.ts";
import { type FleetJournalLine, mergedJournal, type NamedSigner } from "./merged-journal.ts";
import type { Quarantine } from "./quarantine-store.ts";
import type { KeyAnswer, KeyListing, SignItem } from "./signer.ts";
import type { SigningObserver } from "./signing-event.ts";

/** An outcome, and whose it is: "" where no signer could be asked. */
export type FleetOutcome = Outcome & { readonly signer: string };

export type FleetDeps = {
  readonly signers: readonly NamedSigner[];
  readonly quarantines: Quarantines;
  readonly observer: SigningObserver;
};

/** Milliseconds that a signer may be out of reach before requests are refused at the door: its supervisor may be restarting it. */
const patienceMs = 10_000;
const noSigner = (reason: string): FleetOutcome => ({
  ...refused({ code: "no-signer", reason, journaled: false } as const),
  signer: "",
});

/**
 * Several signers, each with its own token and journal, as one: each item of a batch goes to the one that will have it done first by
 * what is known of their loads and speeds. What a signer certainly did not sign (it said so, and its journal has no line) may go to
 * another one; what it may have signed never does. One whose signature did not verify is quarantined.
 */
export class SignerFleet {
  readonly #deps: FleetDeps;
  readonly members: readonly FleetMember[];

  constructor(deps: FleetDeps) {
    this.#deps = deps;
    this.members = deps.signers.map(({ name, signer }) => new FleetMember(name, signer));
  }

  /**
   * Signatures as r‖s, one outcome per item in the order asked. Rejects with SIGNER_UNAVAILABLE, or the signal's reason: then it
   * is not known whether an item was signed, and only the journals can tell.
   */
  async sign(items: readonly SignItem[], signal: AbortSignal): Promise<readonly FleetOutcome[]> {
    const shares = this.#share(items);
    const [only, ...others] = shares;
    if (only === undefined) return items.map(() => noSigner(this.closedReason ?? "no signer is left"));
    if (others.length === 0) return await this.#signShare(only.member, items, signal);
    const outcomes: FleetOutcome[] = new Array(items.length);
    // All of them are waited for: a share whose fate is unknown must not leave another one running behind its caller's back.
    const settled = await Promise.allSettled(
      shares.map(async ({ member, places }) => {
        const mine = await this.#signShare(member, pick(items, places), signal);
        mine.forEach((outcome, at) => {
          outcomes[places[at] as number] = outcome;
        });
      }),
    );
    for (const share of settled) if (share.status === "rejected") throw share.reason;
    return outcomes;
  }

  /** Item by item to whoever would have it done first, among the best there are. */
  #share(items: readonly SignItem[]): readonly Share[] {
    const best = this.#choose(items.length, []);
    if (best === undefined) return [];
    const now = performance.now();
    const rank = best.rank(now);
    const able = this.members.filter((member) => !member.isQuarantined && member.rank(now) === rank);
    // Of doubtful ones a single one is tried: there is nothing to gain from several.
    if (able.length === 1 || rank > 0) return [{ member: best, places: [...items.keys()] }];
    const typical = this.#typicalPerMs();
    const shares = able.map((member) => ({ member, places: [] as number[] }));
    const waitOf = ({ member, places }: Share) => member.load.expectedWaitMs(places.length + 1, typical);
    for (const place of items.keys()) {
      const next = shares.reduce((least, share) => (waitOf(share) < waitOf(least) ? share : least));
      next.places.push(place);
    }
    return shares.filter(({ places }) => places.length > 0);
  }

  /** One signer's share of a batch, and whoever takes over what it certainly did not sign. */
  async #signShare(
    first: FleetMember,
    items: readonly SignItem[],
    signal: AbortSignal,
  ): Promise<readonly FleetOutcome[]> {
    const tried: FleetMember[] = [];
    let member = first;
    const outcomes = named(await member.sign(items, signal), member.name);
    for (;;) {
      const left = movable(outcomes);
      if (left.length === 0) return outcomes;
      tried.push(member);
      const next = this.#choose(left.length, tried);
      if (next === undefined) return outcomes;
      this.#tellFailOver({ from: member, to: next, outcomes: left.map((at) => outcomes[at]) });
      const again = await next.sign(pick(items, left), signal);
      named(again, next.name).forEach((outcome, index) => {
        outcomes[left[index] as number] = outcome;
      });
      member = next;
    }
  }

  /** Told of a signature that does not verify: nothing is asked of that signer any more. */
  distrust(name: string, reason: string): void {
    const member = this.#named(name);
    if (member.isQuarantined) return;
    member.quarantine(reason);
    this.#deps.quarantines.begin(name, reason);
    this.#deps.observer.saw({ kind: "signer-quarantined", signer: name, reason });
  }

  /** Quarantines that began in an earlier life of the server; one of a signer that is not configured waits for it. */
  takeUp(kept: readonly Quarantine[]): void {
    for (const { signer, reason, beganAt } of kept) {
      const member = this.members.find(({ name }) => name === signer);
      if (member === undefined) continue;
      member.quarantine(reason);
      this.#deps.observer.saw({ kind: "signer-still-quarantined", signer, reason, beganAt });
    }
  }

  /**
   * Ends a quarantine, once that is stored. Rejects with NOT_FOUND, with INVALID_ARGUMENT for a signer that is not quarantined,
   * and with STORE_FAILED: then it still is.
   */
  async release(
    name: string,
    { actor, reason }: { readonly actor: string; readonly reason: string },
    signal: AbortSignal,
  ): Promise<void> {
    const member = this.#named(name);
    if (!member.isQuarantined)
      throw new Fault("INVALID_ARGUMENT", `signer "${name}" is not quarantined: there is nothing to release`);
    await this.#deps.quarantines.end(name, signal);
    member.release();
    this.#deps.observer.saw({ kind: "signer-released", signer: name, actor, reason });
  }

  /** Why nothing can be signed now, so that requests are refused at once; undefined while some signer may. */
  get closedReason(): string | undefined {
    const reasons = this.members.map((member) => whyClosed(member));
    if (reasons.some((reason) => reason === undefined)) return undefined;
    return reasons.join("; ");
  }

  /** What each signer out of quarantine says of the key. Rejects with the signal's reason. */
  async describeKey(keyId: string, signal: AbortSignal): Promise<readonly KeyAnswer[]> {
    return await this.#askAll(signal, async (signer) => ({ key: await signer.describeKey(keyId, signal) }));
  }

  /** What the token of each signer out of quarantine holds. Rejects with the signal's reason. */
  async listKeys(signal: AbortSignal): Promise<readonly KeyListing[]> {
    return await this.#askAll(signal, async (signer) => ({ keys: await signer.listKeys(signal) }));
  }

  async #askAll<Said>(
    signal: AbortSignal,
    ask: (signer: FleetMember["signer"]) => Promise<Said>,
  ): Promise<readonly ({ signer: string } & (Said | { away: string }))[]> {
    const asked = this.members.filter(({ isQuarantined }) => !isQuarantined);
    return await Promise.all(
      asked.map(async ({ name, signer }) => {
        try {
          return { signer: name, ...(await ask(signer)) };
        } catch (thrown) {
          signal.throwIfAborted();
          return { signer: name, away: asFault(thrown).message };
        }
      }),
    );
  }

  /** The lines of every signer's journal. Rejects when one of them cannot be read. */
  readJournal(fromSequence: bigint, signal: AbortSignal): AsyncIterable<FleetJournalLine> {
    return mergedJournal(this.#deps.signers, fromSequence, signal);
  }

  #named(name: string): FleetMember {
    const member = this.members.find((candidate) => candidate.name === name);
    if (member) return member;
    const known = this.members.map((candidate) => `"${candidate.name}"`).join(", ");
    throw new Fault("NOT_FOUND", `no signer is named "${name}"; there are ${known}`);
  }

  /** The shortest expected wait among the best there are. */
  #choose(items: number, tried: readonly FleetMember[]): FleetMember | undefined {
    const now = performance.now();
    const typical = this.#typicalPerMs();
    let best: FleetMember | undefined;
    let bestScore = Number.POSITIVE_INFINITY;
    for (const member of this.members) {
      if (member.isQuarantined || tried.includes(member)) continue;
      const score = member.rank(now) * 1e9 + member.load.expectedWaitMs(items, typical);
      if (score < bestScore) {
        best = member;
        bestScore = score;
      }
    }
    return best;
  }

  /** For a signer of which nothing is known yet: as fast as the fastest, so that it is tried. */
  #typicalPerMs(): number {
    const known = this.members.map(({ load }) => load.perSecond ?? 0);
    return Math.max(...known, 1) / 1000;
  }

  #tellFailOver({ from, to, outcomes }: FailOver): void {
    const [first] = outcomes;
    const reason = first !== undefined && !first.ok ? first.error.reason : "";
    this.#deps.observer.saw({
      kind: "signer-failed-over",
      from: from.name,
      to: to.name,
      items: outcomes.length,
      reason,
    });
  }
}

type Share = { readonly member: FleetMember; readonly places: number[] };

const pick = (items: readonly SignItem[], places: readonly number[]): SignItem[] =>
  places.map((place) => items[place] as SignItem);

type FailOver = {
  readonly from: FleetMember;
  readonly to: FleetMember;
  readonly outcomes: readonly (FleetOutcome | undefined)[];
};

const named = (outcomes: readonly Outcome[], signer: string): FleetOutcome[] =>
  outcomes.map((outcome) => ({ ...outcome, signer }));

/** What may be given to another signer: refused for a reason of the signer's own, with no line in its journal. */
function movable(outcomes: readonly FleetOutcome[]): number[] {
  const found: number[] = [];
  outcomes.forEach((outcome, at) => {
    // A grammar that one signer refuses, every signer refuses: it is never offered around.
    if (!outcome.ok && !outcome.error.journaled && outcome.error.code !== "grammar") found.push(at);
  });
  return found;
}

function whyClosed({ name, standing, lastStatus }: FleetMember): string | undefined {
  if (standing.kind === "usable") return undefined;
  if (standing.kind === "quarantined") return `signer "${name}" is quarantined: ${standing.reason}`;
  const saysSo = lastStatus?.state === "down" || lastStatus?.state === "recovering";
  const lasts = performance.now() - standing.sinceMs > patienceMs;
  return saysSo || lasts ? `signer "${name}" cannot sign: ${standing.reason}` : undefined;
}
