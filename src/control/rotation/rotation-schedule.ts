import { chooseNext, nextDue, type ScheduleTerms, whyHeld } from "../../domain/trust/rotation-schedule.ts";
import { type StockStanding, standingOf } from "../../domain/trust/stock-level.ts";
import { pause } from "../../foundation/deadline.ts";
import { Fault } from "../../foundation/fault.ts";
import type { KeyListing } from "../signing/signer.ts";
import type { CheckDeps } from "./decide-start.ts";
import { type IntermediateStock, judgeStock } from "./intermediate-stock.ts";
import type { RotationDriver } from "./rotation-driver.ts";
import type { RotationObserver } from "./rotation-event.ts";

/** What every signer's token holds: all that are configured, but for those in quarantine. */
export interface TokenKeys {
  listKeys(signal: AbortSignal): Promise<readonly KeyListing[]>;
}

export type ScheduleDeps = CheckDeps & {
  readonly driver: Pick<RotationDriver, "start">;
  readonly signers: TokenKeys;
  readonly observer: RotationObserver;
  readonly terms: ScheduleTerms;
  /** Why no step may be taken at all now, as a sentence; undefined when steps may be. */
  readonly frozen: () => string | undefined;
};

/** Who starts a rotation that no operator has asked for. */
export const scheduleActor = "schedule";

/** The schedule is looked at this often: that takes no more than a comparison. */
const lookEveryMs = 1000;
/** The tokens are asked this often, and more often while the next intermediate is due or nothing is known yet. */
const countEveryMs = 60_000;
const countOftenMs = 5_000;
/** After a start that was refused, or failed: each one is an entry of the ledger. */
const restMs = 60_000;

/**
 * Draws the next intermediate from the stock when it is due, and says when the stock runs low. A draw is a `rotation start` like an
 * operator's, with the same checks and the same compare-and-set, and never beside another rotation: one at most for each that ends.
 */
export class RotationSchedule {
  readonly #deps: ScheduleDeps;
  #stock: IntermediateStock | undefined;
  /** The last one that every signer was asked for. */
  #whole: IntermediateStock | undefined;
  #told = "";
  #restUntilMs = 0;
  #triedMs = 0;

  constructor(deps: ScheduleDeps) {
    this.#deps = deps;
  }

  /** As last counted; undefined while not every signer has been asked yet. Answered from memory. */
  standing(): (StockStanding & { readonly countedAt: Date; readonly orphaned: number }) | undefined {
    const { picture, terms, clock } = this.#deps;
    if (this.#whole === undefined) return undefined;
    // What has been drawn since the count is in stock no more.
    const { active, standby, closed } = picture.state.authorities;
    const used = new Set(
      [active, ...standby, ...closed.map(({ authority }) => authority)].map(({ keyId }) => keyId),
    );
    const stock = this.#whole.followers.filter(({ keyId }) => !used.has(keyId));
    const orphaned = this.#whole.items.filter(({ state }) => state === "orphaned").length;
    const question = { state: picture.state, stock, terms, now: clock.now() };
    return { ...standingOf(question), countedAt: this.#whole.at, orphaned };
  }

  /** When the next is due, and why nothing would be drawn then; both from memory. */
  plan(): { readonly dueAt: Date | undefined; readonly held: string | undefined } {
    const { picture, terms } = this.#deps;
    const dueAt = terms.automatic ? nextDue(picture.state, terms).at : undefined;
    return { dueAt, held: this.#whyHeld() };
  }

  /** Asks every signer what its token holds. Rejects with the signal's reason. */
  async count(signal: AbortSignal): Promise<IntermediateStock> {
    const { signers, terms } = this.#deps;
    const listings = await signers.listKeys(signal);
    const stock = judgeStock({ deps: this.#deps, listings, terms });
    this.#stock = stock;
    if (stock.away.length === 0) this.#whole = stock;
    return stock;
  }

  /** One look: counts when that is due, tells what has changed, draws when that is due. */
  async look(signal: AbortSignal): Promise<void> {
    const { picture, terms, clock } = this.#deps;
    const nowMs = clock.now().getTime();
    const due = nextDue(picture.state, terms);
    const isDue =
      this.#whyHeld() === undefined && due.at.getTime() <= nowMs && isPast(this.#restUntilMs, nowMs);
    const every = isDue || this.#whole === undefined ? countOftenMs : countEveryMs;
    if (isPast(this.#triedMs + every, nowMs)) {
      this.#triedMs = nowMs;
      await this.count(signal);
      if (isDue) await this.#draw(signal);
    }
    this.#tell();
  }

  /** Looks again and again until `signal` aborts; failures are told and tried again. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look(signal);
      } catch (cause) {
        if (!signal.aborted) this.#deps.observer.saw({ kind: "failed", cause });
        this.#restUntilMs = this.#deps.clock.now().getTime() + restMs;
      }
      await pause(lookEveryMs, signal);
    }
  }

  #whyHeld(): string | undefined {
    const { picture, terms, frozen } = this.#deps;
    return frozen() ?? whyHeld(picture.state, terms);
  }

  async #draw(signal: AbortSignal): Promise<void> {
    const { picture, terms, clock, driver, observer } = this.#deps;
    const { state } = picture;
    const due = nextDue(state, terms);
    // Asking the signers took a while: somebody may have been faster.
    if (this.#whyHeld() !== undefined || due.at > clock.now()) return;
    const { followers = [], away = [] } = this.#stock ?? {};
    if (away.length > 0)
      throw new Fault("SIGNER_UNAVAILABLE", `the next intermediate is due: ${away.join("; ")}`);
    const question = { ...due, at: clock.now(), terms };
    const next = chooseNext(state.authorities.active, followers, question);
    if (next === undefined) return;
    const offered = { root: undefined, intermediate: next.certificate, cross: undefined };
    const act = { actor: scheduleActor, expectedRevision: state.revision };
    const started = await driver.start(offered, act, signal);
    if (started.ok) observer.saw({ kind: "drawn", authority: next.keyId, because: due.because });
    else this.#restUntilMs = clock.now().getTime() + restMs;
  }

  #tell(): void {
    const standing = this.standing();
    if (standing === undefined) return;
    const { level, inStock, advice } = standing;
    const told = `${level} ${advice}`;
    if (told === this.#told || (this.#told === "" && level === "enough")) return;
    this.#told = told;
    this.#deps.observer.saw({ kind: "stock", level, inStock, advice });
  }
}

/** Also when the clock went back behind what it was counted from. */
const isPast = (momentMs: number, nowMs: number): boolean =>
  nowMs >= momentMs || nowMs < momentMs - 2 * restMs;
