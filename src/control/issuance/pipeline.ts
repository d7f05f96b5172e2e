import { classOf, type IssuanceClass } from "../../domain/policy/issuance-class.ts";
import type { Clock, Stopwatch } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import { type AdmitDeps, admit } from "./admit.ts";
import { answer } from "./answer.ts";
import type { Batch, Ended, Prepared } from "./batch.ts";
import type { IssuanceObserver, Stage } from "./events.ts";
import { issuedBefore } from "./issued-under.ts";
import type { LastIssuances } from "./last-issuances.ts";
import type { LeafCrypto } from "./leaf-crypto.ts";
import { type Charge, IssuanceLimits, type IssuanceRates } from "./limit.ts";
import { ClassTally, type LimitsReport, mostListed, waitingByTenant } from "./limits-report.ts";
import { isOutage } from "./outage.ts";
import { type PlanDeps, plan } from "./plan.ts";
import { prepare } from "./prepare.ts";
import { IssuanceQueue } from "./queue.ts";
import type { QueueLimits } from "./queue-limits.ts";
import { recordIntents, recordOutcomes } from "./record.ts";
import { type IssuanceRefusal, isOverload } from "./refusal.ts";
import { RefusalAudit } from "./refusal-audit.ts";
import type { Admitted, IssuanceRequest, Issued } from "./request.ts";
import { requestKey } from "./request-key.ts";
import { RequestsUnderWay } from "./requests-under-way.ts";
import { RetryMemory } from "./retry-memory.ts";
import { type IssuingSigners, sign } from "./sign.ts";
import { stillWanted } from "./still-wanted.ts";
import { Ticket, type TicketTerms } from "./ticket.ts";
import type { TenantWeights } from "./waiting-room.ts";

export type IssuanceDeps = AdmitDeps &
  PlanDeps & {
    readonly clock: Clock;
    readonly stopwatch: Stopwatch;
    readonly crypto: LeafCrypto;
    readonly signers: IssuingSigners;
    readonly ledger: LedgerWriter;
    readonly observer: IssuanceObserver;
    readonly rates: IssuanceRates;
    readonly queue: QueueLimits;
    readonly weightOf: TenantWeights;
    /** How long a caller waits that does not say, and at most. */
    readonly answerWithinMs: number;
    /** What was issued last to whom: from it follows how urgent a request is. */
    readonly lastIssuances: LastIssuances;
    /** Whoever holds a leaf of this authority must get another at once: it is closed, or was compromised. */
    readonly distrusts: (authorityKeyId: string) => boolean;
  };

type Outcome = Result<Issued, IssuanceRefusal>;

/** What is known of a request when it is to be charged and queued. */
type Entering = Pick<TicketTerms, "order" | "key" | "authorityKeyId"> & { readonly deadlineMs: number };

/**
 * The one way in which a leaf is made, for every door: admit → limit → queue → sign → record. Until a batch is formed all of
 * it is synchronous; from there on a batch goes through the stages as one, and each item has its own outcome.
 */
export class IssuancePipeline {
  readonly #deps: IssuanceDeps;
  readonly #limits: IssuanceLimits;
  readonly #queue: IssuanceQueue;
  readonly #audit: RefusalAudit;
  readonly #retries = new RetryMemory();
  readonly #underWay = new RequestsUnderWay();
  readonly #tally = new ClassTally();
  readonly #stop = new AbortController();
  #closing = false;

  constructor(deps: IssuanceDeps) {
    this.#deps = deps;
    this.#audit = new RefusalAudit(deps);
    const { queue: limits, weightOf, stopwatch, observer } = deps;
    const work = (tickets: readonly Ticket[]) => this.#issueBatch(tickets);
    this.#queue = new IssuanceQueue({ limits, weightOf, stopwatch, observer, work });
    this.#limits = new IssuanceLimits(deps.rates, this.#queue);
  }

  /**
   * Issues one leaf, in a batch with whoever else asks now. Refusals are for the audit log: doors pass on opaqueRefusal of
   * them. Rejects with LEDGER_FAILED, SIGNER_UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, or the signal's reason.
   */
  async issue(request: IssuanceRequest, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    const outcome = await this.#enter(request, signal);
    if (!outcome.ok) {
      const { caller, wanted } = request;
      this.#tally.refused(outcome.error);
      this.#deps.observer.saw({ kind: "refused", caller, wanted, refusal: outcome.error });
      if (!isOverload(outcome.error)) await this.#audit.note(request, outcome.error, signal);
    }
    return outcome;
  }

  /** What stands in the queue and what the limits have done. */
  report(): LimitsReport {
    const { rates, queue, answerWithinMs, stopwatch } = this.#deps;
    const { perSecond, depth, bytes, underWay, window, waiting } = this.#queue;
    return {
      rates,
      queue: { maxItems: queue.maxItems, maxBytes: queue.maxBytes, answerWithinMs },
      perSecond,
      waiting: depth,
      waitingBytes: bytes,
      underWay,
      window,
      classes: this.#tally.report(waiting),
      tenants: waitingByTenant(this.#queue.flows()),
      mostLimited: this.#limits.mostLimited(mostListed, stopwatch.ms()),
    };
  }

  /** Refuses what comes from now on, lets what is under way end, and cuts it off when the signal aborts. */
  async close(signal: AbortSignal): Promise<void> {
    this.#closing = true;
    const cutOff = () => this.#stop.abort(signal.reason);
    signal.addEventListener("abort", cutOff, { once: true });
    if (signal.aborted) cutOff();
    await this.#queue.whenIdle();
    signal.removeEventListener("abort", cutOff);
  }

  async #enter(request: IssuanceRequest, signal: AbortSignal): Promise<Outcome> {
    if (this.#closing) return refused({ code: "issuing-closed", reason: "the server is stopping" });
    const { issuers, clock, stopwatch, answerWithinMs } = this.#deps;
    const admitted = admit(this.#deps, request);
    if (!admitted.ok) return admitted;
    const order = admitted.value;
    const authority = issuers.current();
    if (!authority.ok) return refused({ code: "issuing-closed", reason: authority.error });
    const { keyId: authorityKeyId } = authority.value;
    const key = requestKey(order, authorityKeyId);
    const again = this.#retries.recall(key, clock.now().getTime());
    if (again !== undefined) return this.#answeredAgain(order, ok(issuedBefore(authority.value, again)));
    const deadlineMs = stopwatch.ms() + Math.min(request.timeoutMs ?? answerWithinMs, answerWithinMs);
    const same = this.#underWay.find(key);
    if (same) return this.#answeredAgain(order, await same.wait(signal, deadlineMs));
    return await this.#limitAndQueue({ order, key, authorityKeyId, deadlineMs }, signal);
  }

  /** Synchronous up to the ticket: what the limits saw is still so when the queue takes it. */
  #limitAndQueue(entering: Entering, signal: AbortSignal): Promise<Outcome> {
    const { stopwatch } = this.#deps;
    const outage = this.#queue.outage();
    if (outage) return Promise.reject(outage);
    const { order } = entering;
    const urgency = this.#urgencyOf(order);
    const charge = this.#limits.ask(order, urgency, stopwatch.ms());
    if (!charge.ok) return Promise.resolve(charge);
    const ticket = this.#ticketFor(entering, urgency, charge.value);
    const outcome = ticket.wait(signal, entering.deadlineMs);
    const queued = this.#queue.enter(ticket);
    if (queued.ok) this.#tally.admitted(urgency);
    else ticket.refuse(queued.error);
    return outcome;
  }

  #ticketFor({ order, key, authorityKeyId }: Entering, urgency: IssuanceClass, charge: Charge): Ticket {
    const { clock, stopwatch } = this.#deps;
    const sinceMs = stopwatch.ms();
    const ticket = new Ticket({
      order,
      key,
      authorityKeyId,
      urgency,
      enteredAtMs: clock.now().getTime(),
      sinceMs,
    });
    this.#limits.take(charge, sinceMs);
    this.#underWay.add(ticket);
    ticket.onEnd(() => {
      this.#underWay.remove(ticket);
      if (!ticket.wasServed) this.#limits.giveBack(order);
    });
    return ticket;
  }

  #urgencyOf({ requester, spiffeId }: Admitted): IssuanceClass {
    const { lastIssuances, distrusts, clock } = this.#deps;
    return classOf(lastIssuances.last(requester, spiffeId, distrusts), clock.now().getTime());
  }

  #answeredAgain({ requester }: Admitted, outcome: Outcome): Outcome {
    if (outcome.ok)
      this.#deps.observer.saw({ kind: "answered-again", requester, serial: outcome.value.serial });
    return outcome;
  }

  /**
   * What stands between a formed batch and its answers, stage by stage. Settles every ticket and never rejects; resolves with the
   * failure where ledger or signer is away.
   */
  async #issueBatch(tickets: readonly Ticket[]): Promise<Fault | undefined> {
    const { crypto, stopwatch } = this.#deps;
    try {
      const wanted = tickets.filter((ticket) => stillWanted(ticket, stopwatch.ms()));
      const planned = plan(this.#deps, wanted);
      if (planned === undefined || planned.leaves.length === 0) return undefined;
      const prepared = await this.#timed("prepare", wanted.length, () =>
        prepare(crypto, planned, this.#stop.signal),
      );
      const open = this.#stillOpen(prepared);
      if (open.leaves.length > 0) await this.#signAndRecord(open);
      return undefined;
    } catch (thrown) {
      for (const ticket of tickets) ticket.fail(thrown);
      return isOutage(thrown) ? thrown : undefined;
    }
  }

  /**
   * No intent may name an authority that was closed while the batch was prepared, and none is made for who has gone. From here to the
   * ledger's queue nothing waits, so whoever closes an authority and then records an event finds every intent that names it before
   * that event.
   */
  #stillOpen({ authority, leaves }: Batch<Prepared>): Batch<Prepared> {
    const nowMs = this.#deps.stopwatch.ms();
    if (this.#deps.issuers.isOpen(authority.keyId)) {
      const isWanted = ({ ticket }: Prepared) => stillWanted(ticket, nowMs) && this.#isStillServed(ticket);
      return { authority, leaves: leaves.filter(isWanted) };
    }
    const refusal = { code: "issuing-closed", reason: "its authority was closed meanwhile" } as const;
    for (const { ticket } of leaves) ticket.refuse(refusal);
    return { authority, leaves: [] };
  }

  /** Nothing is made any more for whom an operator stopped while it waited. */
  #isStillServed(ticket: Ticket): boolean {
    const { requester, spiffeId } = ticket.order;
    if (!this.#deps.quarantines.stops(requester, spiffeId)) return true;
    ticket.refuse({ code: "quarantined" });
    return false;
  }

  async #signAndRecord(batch: Batch<Prepared>): Promise<void> {
    const { ledger, clock, observer } = this.#deps;
    const { signal } = this.#stop;
    const items = batch.leaves.length;
    let left: "intents-not-recorded" | "intents-left-open" = "intents-not-recorded";
    try {
      await this.#timed("intents", items, () => recordIntents(ledger, batch, { at: clock.now(), signal }));
      left = "intents-left-open";
      const ended = await this.#timed("sign", items, () => sign(this.#deps, batch, signal));
      await this.#timed("outcomes", items, () => recordOutcomes(ledger, ended, signal));
      this.#remember(ended);
      answer({ ...this.#deps, retries: this.#retries }, ended);
    } catch (thrown) {
      const serials = batch.leaves.map((leaf) => leaf.serialHex);
      observer.saw({ kind: left, serials, cause: thrown });
      throw thrown instanceof Fault
        ? thrown
        : new Fault("INTERNAL", "this batch was not issued", { cause: thrown });
    }
  }

  /** From these follows the class of the next request for the same identity. */
  #remember({ authority, leaves }: Batch<Ended>): void {
    const { lastIssuances, clock } = this.#deps;
    const issuedAtMs = clock.now().getTime();
    for (const { leaf, end } of leaves) {
      if (end.kind !== "certificate") continue;
      const { requester, spiffeId } = leaf.ticket.order;
      const notAfterMs = leaf.validity.notAfter.getTime();
      lastIssuances.note({ requester, spiffeId, authorityKeyId: authority.keyId, issuedAtMs, notAfterMs });
    }
  }

  async #timed<Value>(stage: Stage, items: number, work: () => Promise<Value>): Promise<Value> {
    const { stopwatch, observer } = this.#deps;
    const beganMs = stopwatch.ms();
    let failed = true;
    try {
      const value = await work();
      failed = false;
      return value;
    } finally {
      observer.saw({ kind: "stage", stage, items, tookMs: stopwatch.ms() - beganMs, failed });
    }
  }
}
