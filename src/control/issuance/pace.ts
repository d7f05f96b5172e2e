import { ComeBack } from "../../domain/policy/come-back.ts";
import { InFlightWindow, type WindowBounds } from "../../domain/policy/in-flight-window.ts";
import { LearnedCapacity } from "../../domain/policy/learned-capacity.ts";

const soonestMs = 100;
/** For those who are turned away before anything was learned. */
const unknownPerSecond = 1000;

/** What was measured of the stages behind the queue: what they carry, how much may be under way, how long an answer takes. */
export class Pace {
  readonly #capacity = new LearnedCapacity();
  readonly #window: InFlightWindow;
  readonly #comeBack = { reserved: new ComeBack(), ordinary: new ComeBack() };

  constructor(bounds: WindowBounds) {
    this.#window = new InFlightWindow(bounds);
  }

  /** Leaves a second; undefined until the stages were busy for long enough. */
  get perSecond(): number | undefined {
    return this.#capacity.perSecond;
  }

  get window(): number {
    return this.#window.leaves;
  }

  get batchLeaves(): number {
    return this.#window.batchLeaves;
  }

  /** What a batch lately took, in milliseconds; 0 before the first. */
  get usualMs(): number {
    return this.#window.usualMs;
  }

  /** In how many milliseconds the answer is to be expected behind this many others; 0 where nothing is known. */
  answerInMs(itemsAhead: number): number {
    const { perSecond } = this.#capacity;
    return perSecond === undefined ? 0 : (itemsAhead * 1000) / perSecond + this.#window.usualMs;
  }

  /** In how many milliseconds whoever is turned away now is to come again: at the pace at which there will be room. */
  comeBackInMs(mayUseReserve: boolean, nowMs: number): number {
    const { perSecond = unknownPerSecond } = this.#capacity;
    const turns = mayUseReserve ? this.#comeBack.reserved : this.#comeBack.ordinary;
    return turns.inMs(soonestMs, 1000 / perSecond, nowMs);
  }

  /** Nothing waits. */
  idle(): void {
    this.#capacity.idle();
  }

  tick(nowMs: number): void {
    this.#capacity.tick(nowMs);
    this.#window.carries(this.#capacity.perSecond);
  }

  /** A batch was answered of which `served` leaves took their turn, none if it failed; `isBusy`: others wait. */
  ended(
    batch: { readonly served: number; readonly tookMs: number; readonly isBusy: boolean },
    nowMs: number,
  ): void {
    if (batch.isBusy && batch.served > 0) this.#capacity.served(batch.served, nowMs);
    else this.#capacity.idle();
    this.#window.carries(this.#capacity.perSecond);
    if (batch.served > 0) this.#window.ended(batch.tookMs, nowMs);
  }
}
