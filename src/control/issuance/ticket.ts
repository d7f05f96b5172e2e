import type { IssuanceClass } from "../../domain/policy/issuance-class.ts";
import { refused } from "../../foundation/result.ts";
import { CallerWait, type Outcome } from "./caller-waits.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import type { Admitted, Issued } from "./request.ts";

export type TicketTerms = {
  readonly order: Admitted;
  /** Its requestKey under the authority that was to sign when it entered. */
  readonly key: string;
  readonly authorityKeyId: string;
  readonly urgency: IssuanceClass;
  /** Milliseconds since the epoch. */
  readonly enteredAtMs: number;
  /** On the queue's own clock, which only grows. */
  readonly sinceMs: number;
};

/**
 * One admitted request and the callers that wait for its outcome: more than one when the same request came again meanwhile. It
 * ends once; later ends are dropped.
 */
export class Ticket {
  readonly order: Admitted;
  readonly key: string;
  readonly authorityKeyId: string;
  readonly urgency: IssuanceClass;
  readonly enteredAtMs: number;
  readonly sinceMs: number;
  #waits: CallerWait[] = [];
  #deadlineMs = 0;
  #ended: Outcome | "failed" | undefined;
  #leave: () => void = nothing;
  #whenEnded: () => void = nothing;

  constructor({ order, key, authorityKeyId, urgency, enteredAtMs, sinceMs }: TicketTerms) {
    this.order = order;
    this.key = key;
    this.authorityKeyId = authorityKeyId;
    this.urgency = urgency;
    this.enteredAtMs = enteredAtMs;
    this.sinceMs = sinceMs;
  }

  /** When its last caller stops waiting, on the queue's clock. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Somebody still waits for it. Whoever finds nobody lets it go, unless an intent names it already. */
  get isWanted(): boolean {
    return this.#waits.length > 0;
  }

  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** It took its turn of the workers, and perhaps a signature; false for what was turned away or failed. */
  get wasServed(): boolean {
    const ended = this.#ended;
    if (ended === undefined || ended === "failed") return false;
    return ended.ok || ended.error.code === "bad-request" || ended.error.code === "lint";
  }

  /** A caller waits until its deadline. Rejects with the signal's reason when it hangs up before. */
  wait(signal: AbortSignal, deadlineMs: number): Promise<Outcome> {
    const wait = new CallerWait(signal, (gone) => this.#hungUp(gone));
    this.#waits.push(wait);
    this.#deadlineMs = Math.max(this.#deadlineMs, deadlineMs);
    return wait.promise;
  }

  /** Called when the last caller has hung up, and when the ticket ends: the queue lets go of it. */
  onLeave(leave: () => void): void {
    this.#leave = leave;
  }

  onEnd(whenEnded: () => void): void {
    this.#whenEnded = whenEnded;
  }

  issue(issued: Issued): void {
    this.#end({ ok: true, value: issued });
  }

  refuse(refusal: IssuanceRefusal): void {
    this.#end(refused(refusal));
  }

  fail(cause: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = "failed";
    this.turnAway(cause);
    this.#leave();
    this.#whenEnded();
  }

  /** Answers those who wait now; the ticket goes on, for an intent may be durable already and the same caller come again. */
  turnAway(cause: unknown): void {
    for (const wait of this.#release()) wait.reject(cause);
  }

  #end(outcome: Outcome): void {
    if (this.#ended !== undefined) return;
    this.#ended = outcome;
    for (const wait of this.#release()) wait.resolve(outcome);
    this.#leave();
    this.#whenEnded();
  }

  #release(): readonly CallerWait[] {
    const waits = this.#waits;
    this.#waits = [];
    for (const wait of waits) wait.release();
    return waits;
  }

  #hungUp(gone: CallerWait): void {
    this.#waits = this.#waits.filter((wait) => wait !== gone);
    if (this.#waits.length === 0) this.#leave();
  }
}

const nothing = () => {};
