import { type IssuanceClass, mayUseReserve, rankOf } from "../../domain/policy/issuance-class.ts";
import type { Asker, Backlog } from "../../domain/policy/server-budget.ts";
import type { Stopwatch } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { Company } from "./company.ts";
import type { IssuanceObserver } from "./events.ts";
import { Outage } from "./outage.ts";
import { Pace } from "./pace.ts";
import type { QueueLimits } from "./queue-limits.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import { StartTimer } from "./start-timer.ts";
import type { TenantFlow } from "./tenant-flow.ts";
import type { Ticket } from "./ticket.ts";
import { type TenantWeights, WaitingRoom } from "./waiting-room.ts";

/** A full batch, whatever was measured: on a busy machine a window that is too small looks like a slow token. */
const leastUnderWay = 64;
const sweepEveryMs = 100;
/** An estimate is no promise: who would be answered only just in time is not let in. */
const prudence = 1.2;

export type QueueDeps = {
  readonly limits: QueueLimits;
  readonly weightOf: TenantWeights;
  readonly stopwatch: Stopwatch;
  readonly observer: IssuanceObserver;
  /** Settles every ticket of its batch and never rejects. Resolves with the failure when ledger or signer is away. */
  readonly work: (batch: readonly Ticket[]) => Promise<Fault | undefined>;
};

type TurnedAway = Extract<IssuanceRefusal, { code: "queue-full" | "shed" }>;

/**
 * Third stage: bounded, fair among tenants in each of four classes, and never late: what cannot be answered within its caller's
 * deadline is shed as soon as that can be told, and before it costs a signature. Forms batches across streams and callers.
 */
export class IssuanceQueue {
  readonly #deps: QueueDeps;
  readonly #room: WaitingRoom;
  readonly #pace: Pace;
  readonly #outage = new Outage();
  readonly #company: Company;
  readonly #underWay = new Set<readonly Ticket[]>();
  #itemsUnderWay = 0;
  readonly #startTimer = new StartTimer(() => this.#start(true));
  #sweepTimer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(deps: QueueDeps) {
    const { limits, weightOf } = deps;
    this.#deps = deps;
    this.#room = new WaitingRoom(weightOf);
    this.#company = new Company(limits.waitMs);
    const least = Math.min(leastUnderWay, limits.mostUnderWay);
    this.#pace = new Pace({ least, most: limits.mostUnderWay, batch: limits.batchSize });
  }

  /** Tickets that wait for a batch. */
  get depth(): number {
    return this.#room.items;
  }

  get bytes(): number {
    return this.#room.bytes;
  }

  get underWay(): number {
    return this.#itemsUnderWay;
  }

  get window(): number {
    return this.#pace.window;
  }

  /** Leaves a second, as learned; undefined until the signer was busy for long enough. */
  get perSecond(): number | undefined {
    return this.#pace.perSecond;
  }

  /** How many wait, by the rank of their class. */
  get waiting(): readonly number[] {
    return this.#room.waiting;
  }

  flows(): Iterable<TenantFlow> {
    return this.#room.flows();
  }

  /** What the server's budget is held against. */
  backlog(): Backlog {
    const [emergency = 0, nearExpiry = 0, firstIssue = 0, routine = 0] = this.#room.waiting;
    return { perSecond: this.perSecond, reserved: emergency + nearExpiry, ordinary: firstIssue + routine };
  }

  asker(urgency: IssuanceClass, tenant: string): Asker {
    const { waiting, weight, weights } = this.#room.standing(rankOf[urgency], tenant);
    return { mayUseReserve: mayUseReserve(urgency), tenantWaiting: waiting, tenantShare: weight / weights };
  }

  /** Why there is no point in waiting: what ledger or signer failed with; undefined while it may be tried. */
  outage(): Fault | undefined {
    const nowMs = this.#deps.stopwatch.ms();
    const mayTry = this.#itemsUnderWay === 0 && this.#room.items === 0 && this.#outage.tryInMs(nowMs) <= 0;
    return mayTry ? undefined : this.#outage.verdict(nowMs);
  }

  /** In how many milliseconds whoever is turned away now is to come again. */
  comeBackInMs(urgency: IssuanceClass): number {
    return this.#pace.comeBackInMs(mayUseReserve(urgency), this.#deps.stopwatch.ms());
  }

  enter(ticket: Ticket): Result<void, TurnedAway> {
    if (!this.#mayBeInTime(ticket)) return refused(this.#shed(ticket));
    if (!this.#makeRoom(ticket)) return refused({ ...this.#shed(ticket), code: "queue-full" });
    const place = this.#room.enter(ticket);
    ticket.onLeave(() => {
      if (place.isTaken) return;
      this.#room.remove(place);
      ticket.fail(hungUp());
      this.#tellIdle();
    });
    this.#startWhenDue();
    this.#sweepTimer ??= setTimeout(() => this.#sweep(), sweepEveryMs);
    return ok(undefined);
  }

  /** Resolves when nothing waits and nothing is under way. */
  whenIdle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  get #isIdle(): boolean {
    return this.#room.items === 0 && this.#underWay.size === 0;
  }

  /** Whoever would be the next to go is let in whatever was measured: that is how the measure is mended. */
  #mayBeInTime(ticket: Ticket): boolean {
    if (this.#room.items === 0) return true;
    const nowMs = this.#deps.stopwatch.ms();
    return nowMs + this.#pace.answerInMs(this.#room.itemsAheadOf(ticket)) * prudence <= ticket.deadlineMs;
  }

  #makeRoom(ticket: Ticket): boolean {
    const { maxItems, maxBytes } = this.#deps.limits;
    const bytes = ticket.order.csr.length;
    while (this.#room.items >= maxItems || this.#room.bytes + bytes > maxBytes) {
      const place = this.#room.displacedBy(ticket);
      if (place === undefined) return false;
      place.ticket.refuse({ ...this.#shed(place.ticket), code: "queue-full" });
    }
    return true;
  }

  #shed({ urgency }: Ticket): Extract<IssuanceRefusal, { code: "shed" }> {
    return { code: "shed", urgency, retryAfterMs: this.comeBackInMs(urgency) };
  }

  #startWhenDue(): void {
    const nowMs = this.#deps.stopwatch.ms();
    this.#company.joined(this.#room.items, nowMs);
    // Never at once unless it is full: those of the same message enter one after the other.
    if (this.#room.items >= this.#pace.batchLeaves) this.#start();
    else this.#startTimer.in(this.#dueInMs(nowMs), nowMs);
  }

  #dueInMs(nowMs: number): number {
    const { batchLeaves: full, usualMs } = this.#pace;
    const [underWay, leavesUnderWay] = [this.#underWay.size, this.#itemsUnderWay];
    const standing = { waiting: this.#room.items, underWay, leavesUnderWay, full, usualMs };
    return this.#company.dueInMs(standing, nowMs);
  }

  /** `isDue`: the first batch waits for no more company. */
  #start(isDue = false): void {
    let waitsForCompany = !isDue;
    while (this.#room.items > 0) {
      const size = this.#sizeNow(waitsForCompany);
      if (size === 0) break;
      waitsForCompany = true;
      const batch = this.#form(size);
      this.#company.went(this.#deps.stopwatch.ms());
      if (batch.length > 0) this.#run(batch);
    }
    if (this.#room.items === 0) {
      this.#startTimer.clear();
      this.#pace.idle();
    }
    this.#tellIdle();
  }

  /** Tickets of the batch that may go now; 0 for none. What waits while the window is full goes as soon as a batch ends. */
  #sizeNow(waitsForCompany: boolean): number {
    const nowMs = this.#deps.stopwatch.ms();
    if (!this.#outage.isOver) {
      const waitMs = this.#outage.tryInMs(nowMs);
      if (waitMs > 0) this.#startTimer.in(waitMs, nowMs);
      return waitMs <= 0 && this.#itemsUnderWay === 0 ? 1 : 0;
    }
    const dueInMs = waitsForCompany ? this.#dueInMs(nowMs) : 0;
    if (dueInMs > 0) {
      this.#startTimer.in(dueInMs, nowMs);
      return 0;
    }
    const size = Math.min(this.#pace.batchLeaves, this.#room.items);
    const free = this.#pace.window - this.#itemsUnderWay;
    return size <= free || this.#itemsUnderWay === 0 ? size : 0;
  }

  #form(size: number): Ticket[] {
    const batch: Ticket[] = [];
    const nowMs = this.#deps.stopwatch.ms();
    const answerMs = nowMs + (this.#itemsUnderWay === 0 ? 0 : this.#pace.answerInMs(0));
    const waitedMs: number[] = [];
    while (batch.length < size) {
      const ticket = this.#room.next();
      if (ticket === undefined) break;
      if (ticket.deadlineMs < answerMs) {
        ticket.refuse(this.#shed(ticket));
        continue;
      }
      batch.push(ticket);
      waitedMs.push(nowMs - ticket.sinceMs);
    }
    this.#deps.observer.saw({
      kind: "batch-formed",
      urgencies: batch.map(({ urgency }) => urgency),
      waitedMs,
    });
    return batch;
  }

  #run(batch: readonly Ticket[]): void {
    const { stopwatch, work } = this.#deps;
    const beganMs = stopwatch.ms();
    this.#underWay.add(batch);
    this.#itemsUnderWay += batch.length;
    void work(batch).then((failure) => {
      const nowMs = stopwatch.ms();
      this.#underWay.delete(batch);
      this.#itemsUnderWay -= batch.length;
      const served = batch.filter((ticket) => ticket.wasServed).length;
      if (failure) this.#outage.began(failure, nowMs);
      else if (served > 0) this.#outage.ended();
      this.#pace.ended({ served, tookMs: nowMs - beganMs, isBusy: this.#room.items > 0 }, nowMs);
      this.#start();
    });
  }

  /** Ten times a second while there is anything to do: measures, and answers whoever need not wait any longer. */
  #sweep(): void {
    this.#sweepTimer = undefined;
    if (this.#isIdle) return;
    this.#sweepTimer = setTimeout(() => this.#sweep(), sweepEveryMs);
    const nowMs = this.#deps.stopwatch.ms();
    if (this.#room.items > 0 && this.#outage.isOver) this.#pace.tick(nowMs);
    const failure = this.#outage.verdict(nowMs);
    if (failure) this.#failAll(failure);
    else this.#shedHopeless(nowMs);
    for (const batch of this.#underWay)
      for (const ticket of batch)
        if (ticket.isWanted && ticket.deadlineMs < nowMs) ticket.turnAway(tooLate());
  }

  #failAll(failure: Fault): void {
    for (const flow of [...this.#room.flows()]) while (flow.first) flow.first.ticket.fail(failure);
  }

  #shedHopeless(nowMs: number): void {
    for (const flow of [...this.#room.flows()]) {
      const { weight, weights } = this.#room.standing(flow.rank, flow.tenant);
      let position = 1;
      for (let place = flow.first; place; place = place.after) {
        const ahead = this.#room.itemsAhead(flow.rank, position, { weight, weights });
        const answerInMs = ahead < this.#pace.batchLeaves ? 0 : this.#pace.answerInMs(ahead);
        if (nowMs + answerInMs > place.ticket.deadlineMs) place.ticket.refuse(this.#shed(place.ticket));
        else position += 1;
      }
    }
  }

  #tellIdle(): void {
    if (!this.#isIdle) return;
    clearTimeout(this.#sweepTimer);
    this.#sweepTimer = undefined;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}

const hungUp = () => new Fault("DEADLINE_EXCEEDED", "nobody waits for it any more");
const tooLate = () => new Fault("DEADLINE_EXCEEDED", "the certificate was not made in time; ask again");
