import type { Clock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { LedgerWriter } from "../ledger/ledger-writer.ts";
import { type AdmitDeps, admit } from "./admit.ts";
import { answer } from "./answer.ts";
import type { Batch, Prepared } from "./batch.ts";
import type { IssuanceObserver } from "./events.ts";
import type { LeafCrypto } from "./leaf-crypto.ts";
import { IssuanceLimits, type IssuanceRates } from "./limit.ts";
import { type PlanDeps, plan } from "./plan.ts";
import { prepare } from "./prepare.ts";
import { IssuanceQueue, type QueueLimits } from "./queue.ts";
import { recordIntents, recordOutcomes } from "./record.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import { RefusalAudit } from "./refusal-audit.ts";
import type { IssuanceRequest, Issued } from "./request.ts";
import { RetryMemory, retryKey } from "./retry-memory.ts";
import { type IssuingSigners, sign } from "./sign.ts";
import { Ticket } from "./ticket.ts";

export type IssuanceDeps = AdmitDeps &
  PlanDeps & {
    readonly clock: Clock;
    readonly crypto: LeafCrypto;
    readonly signers: IssuingSigners;
    readonly ledger: LedgerWriter;
    readonly observer: IssuanceObserver;
    readonly rates: IssuanceRates;
    readonly queue: QueueLimits;
  };

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
  readonly #stop = new AbortController();
  #closing = false;

  constructor(deps: IssuanceDeps) {
    this.#deps = deps;
    this.#audit = new RefusalAudit(deps);
    this.#limits = new IssuanceLimits(deps.rates);
    this.#queue = new IssuanceQueue(deps.queue, (tickets) => this.#issueBatch(tickets));
  }

  /**
   * Issues one leaf, in a batch with whoever else asks now. Refusals are for the audit log: doors pass on opaqueRefusal of
   * them. Rejects with LEDGER_FAILED, SIGNER_UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, or the signal's reason.
   */
  async issue(request: IssuanceRequest, signal: AbortSignal): Promise<Result<Issued, IssuanceRefusal>> {
    signal.throwIfAborted();
    const outcome = await this.#enter(request, signal);
    if (!outcome.ok) {
      const { caller, wanted } = request;
      this.#deps.observer.saw({ kind: "refused", caller, wanted, refusal: outcome.error });
      await this.#audit.note(request, outcome.error, signal);
    }
    return outcome;
  }

  /** Leaves that wait for a batch. */
  get depth(): number {
    return this.#queue.depth;
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

  async #enter(request: IssuanceRequest, signal: AbortSignal): Promise<Result<Issued, IssuanceRefusal>> {
    if (this.#closing) return refused({ code: "issuing-closed", reason: "the server is stopping" });
    const admitted = admit(this.#deps, request);
    if (!admitted.ok) return admitted;
    const order = admitted.value;
    const nowMs = this.#deps.clock.now().getTime();
    const authority = this.#deps.issuers.current();
    if (!authority.ok) return refused({ code: "issuing-closed", reason: authority.error });
    const again = this.#retries.recall(retryKey(order, authority.value.keyId), nowMs);
    if (again !== undefined) {
      this.#deps.observer.saw({ kind: "answered-again", requester: order.requester, serial: again.serial });
      return ok(again);
    }
    const charged = this.#limits.take(order.spiffeId, order.tenant, nowMs);
    if (!charged.ok) return charged;
    const ticket = new Ticket(order, nowMs, signal);
    const queued = this.#queue.enter(ticket);
    if (!queued.ok) ticket.refuse(queued.error);
    return ticket.outcome;
  }

  /** What stands between a formed batch and its answers, stage by stage. Settles every ticket and never rejects. */
  async #issueBatch(tickets: readonly Ticket[]): Promise<void> {
    try {
      const planned = plan(this.#deps, tickets);
      if (planned === undefined) return;
      const prepared = await prepare(this.#deps.crypto, planned, this.#stop.signal);
      const open = this.#stillOpen(prepared);
      if (open.leaves.length > 0) await this.#signAndRecord(open);
    } catch (thrown) {
      for (const ticket of tickets) ticket.fail(thrown);
    }
  }

  /**
   * No intent may name an authority that was closed while the batch was prepared. From here to the ledger's queue nothing
   * waits, so whoever closes an authority and then records an event finds every intent that names it before that event.
   */
  #stillOpen(batch: Batch<Prepared>): Batch<Prepared> {
    if (this.#deps.issuers.isOpen(batch.authority.keyId)) return batch;
    const refusal = { code: "issuing-closed", reason: "its authority was closed meanwhile" } as const;
    for (const { ticket } of batch.leaves) ticket.refuse(refusal);
    return { authority: batch.authority, leaves: [] };
  }

  async #signAndRecord(batch: Batch<Prepared>): Promise<void> {
    const { ledger, clock, observer } = this.#deps;
    const { signal } = this.#stop;
    try {
      await recordIntents(ledger, batch, { at: clock.now(), signal });
      const ended = await sign(this.#deps, batch, signal);
      await recordOutcomes(ledger, ended, signal);
      answer({ ...this.#deps, retries: this.#retries }, ended);
    } catch (thrown) {
      const serials = batch.leaves.map((leaf) => leaf.serialHex);
      observer.saw({ kind: "intents-left-open", serials, cause: thrown });
      throw thrown instanceof Fault
        ? thrown
        : new Fault("INTERNAL", "this batch was not issued", { cause: thrown });
    }
  }
}
