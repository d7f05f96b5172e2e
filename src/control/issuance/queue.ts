import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Ticket } from "./ticket.ts";

export type QueueLimits = {
  /** Tickets that may wait, and the bytes of their requests. */
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly batchSize: number;
  /** How long the first ticket of a batch waits for company, 0 to 2 ms. */
  readonly waitMs: number;
  /** Batches under way at once: one in the workers, one in the ledger, one in the token, and so on. */
  readonly maxBatches: number;
};

export const defaultQueueLimits: QueueLimits = {
  maxItems: 20_000,
  maxBytes: 64 * 1024 * 1024,
  batchSize: 64,
  waitMs: 1,
  maxBatches: 8,
};

/**
 * Third stage: bounded, and forms batches across streams and callers. First come, first served for now: fairness among tenants,
 * classes, and shedding by deadline are to choose in #form which tickets go next, and nothing else need change.
 */
export class IssuanceQueue {
  readonly #limits: QueueLimits;
  readonly #work: (batch: readonly Ticket[]) => Promise<void>;
  readonly #waiting = new Set<Ticket>();
  #bytes = 0;
  #underWay = 0;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  /** `work` settles every ticket of its batch and never rejects. */
  constructor(limits: QueueLimits, work: (batch: readonly Ticket[]) => Promise<void>) {
    this.#limits = limits;
    this.#work = work;
  }

  /** Tickets that wait for a batch. */
  get depth(): number {
    return this.#waiting.size;
  }

  enter(ticket: Ticket): Result<void, { code: "queue-full"; retryAfterMs: number }> {
    const bytes = this.#bytes + ticket.order.csr.length;
    if (this.#waiting.size >= this.#limits.maxItems || bytes > this.#limits.maxBytes) {
      return refused({ code: "queue-full", retryAfterMs: 1000 });
    }
    this.#bytes = bytes;
    this.#waiting.add(ticket);
    ticket.onHangUp(() => this.#leave(ticket));
    if (this.#waiting.size >= this.#limits.batchSize) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#limits.waitMs);
    return ok(undefined);
  }

  /** Resolves when nothing waits and nothing is under way. */
  whenIdle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  get #isIdle(): boolean {
    return this.#waiting.size === 0 && this.#underWay === 0;
  }

  #leave(ticket: Ticket): void {
    if (this.#waiting.delete(ticket)) this.#bytes -= ticket.order.csr.length;
    this.#tellIdle();
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#waiting.size > 0 && this.#underWay < this.#limits.maxBatches) {
      const batch = this.#form();
      this.#underWay += 1;
      // Whatever waited while all batches were under way has waited enough: it goes as soon as one ends.
      void this.#work(batch).finally(() => {
        this.#underWay -= 1;
        this.#start();
        this.#tellIdle();
      });
    }
  }

  #form(): Ticket[] {
    const batch: Ticket[] = [];
    for (const ticket of this.#waiting) {
      if (batch.length === this.#limits.batchSize) break;
      this.#waiting.delete(ticket);
      this.#bytes -= ticket.order.csr.length;
      batch.push(ticket);
    }
    return batch;
  }

  #tellIdle(): void {
    if (!this.#isIdle) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
