import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Fault } from "../../foundation/fault.ts";
import { IssuanceQueue } from "./queue.ts";
import { defaultQueueLimits, type QueueLimits } from "./queue-limits.ts";
import { askedTicket, type TicketWish } from "./ticket.fixtures.ts";
import type { Ticket } from "./ticket.ts";

const issued = {
  chain: [],
  authorityKeyId: "a",
  serial: "1",
  notBefore: new Date(0),
  notAfter: new Date(1),
};
type HeldBatch = { readonly tickets: readonly Ticket[]; readonly end: (failure?: Fault) => void };

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => vi.useRealTimers());

/** A queue whose batches end when the test says so, on the fake clock. */
function heldQueue(change: Partial<QueueLimits> = {}, weights: Record<string, number> = {}) {
  const batches: HeldBatch[] = [];
  const queue = new IssuanceQueue({
    limits: { ...defaultQueueLimits, batchSize: 4, mostUnderWay: 8, ...change },
    weightOf: (tenant) => weights[tenant] ?? 1,
    stopwatch: { ms: () => performance.now() },
    observer: { saw: () => undefined },
    work: (tickets) => {
      const { promise, resolve } = Promise.withResolvers<Fault | undefined>();
      const end = (failure?: Fault) => {
        for (const ticket of tickets) failure ? ticket.fail(failure) : ticket.issue(issued);
        resolve(failure);
      };
      batches.push({ tickets, end });
      return promise;
    },
  });
  const enter = (wish: TicketWish = {}) => {
    const { ticket, outcome } = askedTicket({ sinceMs: performance.now(), ...wish });
    const said: { outcome?: unknown } = {};
    outcome.then(
      (value) => {
        said.outcome = value.ok ? "issued" : value.error.code;
      },
      (thrown: Error) => {
        said.outcome = thrown.message;
      },
    );
    const entered = queue.enter(ticket);
    if (!entered.ok) ticket.refuse(entered.error);
    return { ticket, said, entered };
  };
  /** Ends what is under way, batch by batch, each `everyMs` later, until nothing is. */
  const drain = async (everyMs: number) => {
    while (batches.length > 0) {
      await vi.advanceTimersByTimeAsync(everyMs);
      batches.shift()?.end();
      await vi.advanceTimersByTimeAsync(0);
    }
  };
  return { queue, batches, enter, drain };
}

test("a full batch goes at once, in order, and no more leaves than the window are under way", async () => {
  const { queue, batches, enter } = heldQueue();
  const entered = Array.from({ length: 19 }, () => enter().ticket);
  expect(batches.map(({ tickets: { length } }) => length)).toEqual([3, 3]);
  expect(queue.depth).toBe(13);
  expect(queue.underWay).toBe(6);
  const order = batches.flatMap(({ tickets }) => tickets);
  while (batches.length > 0) {
    batches.shift()?.end();
    await vi.advanceTimersByTimeAsync(2);
    order.push(...batches.flatMap(({ tickets }) => tickets).filter((one) => !order.includes(one)));
    expect(queue.underWay).toBeLessThanOrEqual(8);
  }
  expect(order).toEqual(entered);
});

test("a lone ticket goes after the bounded wait", async () => {
  const { batches, enter } = heldQueue();
  enter();
  expect(batches).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(batches).toHaveLength(1);
});

test("with a batch under way the next waits for company, by what a batch took", async () => {
  const { batches, enter, drain } = heldQueue();
  enter();
  await vi.advanceTimersByTimeAsync(1);
  await drain(30);
  enter();
  await vi.advanceTimersByTimeAsync(1);
  expect(batches).toHaveLength(1);
  enter();
  await vi.advanceTimersByTimeAsync(4);
  enter();
  expect(batches).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2);
  expect(batches.map(({ tickets: { length } }) => length)).toEqual([1, 2]);
});

test("a quarter of all that there are goes without waiting for more, and with it whoever came at the same time", async () => {
  const { queue, batches, enter, drain } = heldQueue({ batchSize: 128, mostUnderWay: 1024 });
  for (let round = 0; round < 300; round += 1) {
    while (queue.depth < 200) enter();
    await vi.advanceTimersByTimeAsync(10);
    batches.shift()?.end();
  }
  await drain(10);
  expect(queue.window).toBe(1024);
  for (let at = 0; at < 128; at += 1) enter();
  for (let at = 0; at < 63; at += 1) enter();
  await vi.advanceTimersByTimeAsync(1);
  expect(batches.map(({ tickets: { length } }) => length)).toEqual([128]);
  for (let at = 0; at < 7; at += 1) enter();
  await vi.advanceTimersByTimeAsync(1);
  expect(batches.map(({ tickets: { length } }) => length)).toEqual([128, 70]);
});

test("items and bytes are bounded, and room comes back when a caller hangs up", async () => {
  const { queue, enter } = heldQueue({ maxItems: 3, mostUnderWay: 1 });
  const caller = new AbortController();
  enter(); // under way
  await vi.advanceTimersByTimeAsync(1);
  const first = enter({ signal: caller.signal });
  enter();
  enter();
  expect(enter().entered).toMatchObject({ ok: false, error: { code: "queue-full" } });
  caller.abort(new Error("gone"));
  await vi.advanceTimersByTimeAsync(0);
  expect(first.said.outcome).toBe("gone");
  expect(first.ticket.isEnded).toBe(true);
  expect(queue.depth).toBe(2);
  expect(enter().entered.ok).toBe(true);
  const narrow = heldQueue({ maxBytes: 1000, mostUnderWay: 1 });
  narrow.enter();
  await vi.advanceTimersByTimeAsync(1);
  expect(narrow.enter({ bytes: 600 }).entered.ok).toBe(true);
  expect(narrow.enter({ bytes: 600 }).entered.ok).toBe(false);
  expect(narrow.queue.bytes).toBe(600);
});

test("a tenant that fills the queue gives way, ticket by ticket, to one that has less waiting, and to no other", async () => {
  const { queue, enter } = heldQueue({ maxItems: 6, mostUnderWay: 1 });
  enter();
  await vi.advanceTimersByTimeAsync(1);
  const flood = Array.from({ length: 6 }, () => enter({ tenant: "/loud" }));
  expect(enter({ tenant: "/loud" }).said).toEqual({});
  await vi.advanceTimersByTimeAsync(0);
  const quiet = Array.from({ length: 4 }, () => enter({ tenant: "/quiet" }));
  await vi.advanceTimersByTimeAsync(0);
  expect(quiet.map(({ entered }) => entered.ok)).toEqual([true, true, true, false]);
  expect(flood.map(({ said }) => said.outcome)).toEqual([
    undefined,
    undefined,
    undefined,
    "queue-full",
    "queue-full",
    "queue-full",
  ]);
  expect(queue.depth).toBe(6);
});

test("urgent classes go first, and no class below is starved", async () => {
  const { batches, enter, drain } = heldQueue({ mostUnderWay: 1 });
  const order: string[] = [];
  enter();
  await vi.advanceTimersByTimeAsync(1);
  for (const urgency of ["routine", "first-issue", "near-expiry", "emergency"] as const)
    for (let count = 0; count < 60; count += 1)
      void enter({ urgency }).ticket.onEnd(() => order.push(urgency));
  await drain(1);
  expect(batches).toEqual([]);
  expect(order).toHaveLength(240);
  expect(order.slice(0, 4)).toEqual(["emergency", "emergency", "emergency", "emergency"]);
  const early = order.slice(0, 60);
  const count = (urgency: string) => early.filter((one) => one === urgency).length;
  expect([count("near-expiry"), count("first-issue"), count("routine")]).toEqual([11, 5, 3]);
});

/** Fills the queue and serves it at 100 leaves a second until that is learned. */
async function learned(change: Partial<QueueLimits> = {}) {
  const rig = heldQueue({ batchSize: 1, mostUnderWay: 1, ...change });
  for (let count = 0; count < 200; count += 1) rig.enter();
  for (let count = 0; count < 100; count += 1) {
    await vi.advanceTimersByTimeAsync(10);
    rig.batches.shift()?.end();
    await vi.advanceTimersByTimeAsync(0);
  }
  return rig;
}

test("the pace is learned while work waits, and what could not be answered in time is shed at the door", async () => {
  const { queue, enter } = await learned();
  expect(queue.perSecond).toBeGreaterThan(95);
  expect(queue.perSecond).toBeLessThan(105);
  expect(queue.depth).toBe(99);
  const now = performance.now();
  expect(enter({ deadlineMs: now + 500 }).entered).toMatchObject({ ok: false, error: { code: "shed" } });
  expect(enter({ deadlineMs: now + 2000 }).entered.ok).toBe(true);
  expect(enter({ deadlineMs: now + 100, urgency: "near-expiry" }).entered.ok).toBe(true);
});

test("what waits is shed as soon as it is hopeless, its place is others', and nothing late is sent to be signed", async () => {
  const { queue, batches, enter } = await learned();
  const late = enter({ deadlineMs: performance.now() + 1500 });
  expect(late.entered.ok).toBe(true);
  // The token stops: after some time nothing is left to hope for.
  await vi.advanceTimersByTimeAsync(1400);
  expect(late.said.outcome).toBe("shed");
  const before = queue.depth;
  const next = enter({ deadlineMs: performance.now() + 30_000 });
  expect(next.entered.ok).toBe(true);
  await vi.advanceTimersByTimeAsync(29_000);
  batches.shift()?.end();
  await vi.advanceTimersByTimeAsync(1100);
  expect(next.said.outcome).toBe("shed");
  expect(queue.depth).toBeLessThanOrEqual(before);
  for (const { tickets } of batches) expect(tickets).not.toContain(next.ticket);
});

test("whoever waits for what is under way gets an answer at the deadline, and the leaf goes on", async () => {
  const { batches, enter } = heldQueue();
  const { ticket, said } = enter({ deadlineMs: performance.now() + 1000 });
  await vi.advanceTimersByTimeAsync(1200);
  expect(said.outcome).toMatch(/not made in time/);
  expect(ticket.isEnded).toBe(false);
  const again = ticket.wait(new AbortController().signal, performance.now() + 1000);
  batches.shift()?.end();
  expect((await again).ok).toBe(true);
});

test("while ledger or signer is away one leaf at a time tries; after a second the others are told; then all is as before", async () => {
  const { queue, batches, enter } = heldQueue();
  const away = new Fault("SIGNER_UNAVAILABLE", "away");
  enter();
  await vi.advanceTimersByTimeAsync(1);
  batches.shift()?.end(away);
  await vi.advanceTimersByTimeAsync(0);
  const waiting = Array.from({ length: 20 }, () => enter());
  let tries = 0;
  for (let step = 0; step < 8; step += 1) {
    await vi.advanceTimersByTimeAsync(125);
    tries += batches.length;
    for (const { tickets, end } of batches.splice(0)) {
      expect(tickets).toHaveLength(1);
      end(away);
    }
  }
  expect(tries).toBeGreaterThan(2);
  expect(tries).toBeLessThan(5);
  await vi.advanceTimersByTimeAsync(150);
  expect(waiting.map(({ said }) => said.outcome)).toEqual(waiting.map(() => "away"));
  await vi.advanceTimersByTimeAsync(0);
  for (const { end } of batches.splice(0)) end(away);
  await vi.advanceTimersByTimeAsync(10);
  expect(queue.outage()).toBe(away);
  await vi.advanceTimersByTimeAsync(300);
  expect(queue.outage()).toBeUndefined();
  const probe = enter();
  await vi.advanceTimersByTimeAsync(5);
  batches.shift()?.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(probe.said.outcome).toBe("issued");
  const after = Array.from({ length: 8 }, () => enter());
  expect(queue.underWay).toBe(6);
  for (const { end } of batches.splice(0)) end();
  await vi.advanceTimersByTimeAsync(10);
  for (const { end } of batches.splice(0)) end();
  await vi.advanceTimersByTimeAsync(10);
  expect(after.map(({ said }) => said.outcome)).toEqual(after.map(() => "issued"));
  await queue.whenIdle();
});
