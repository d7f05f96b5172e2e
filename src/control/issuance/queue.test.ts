import { expect, test } from "vitest";
import { defaultProfiles } from "../../domain/certificate/profile.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { seconds } from "../../foundation/duration.ts";
import { IssuanceQueue } from "./queue.ts";
import { Ticket } from "./ticket.ts";

const never = new AbortController().signal;
const id = "spiffe://mesh.test/web" as SpiffeId;
const ticket = (signal = never, bytes = 300) =>
  new Ticket(
    {
      caller: { kind: "agent", id },
      requester: id,
      profile: defaultProfiles.workload,
      ttl: seconds(60),
      spiffeId: id,
      dnsNames: [],
      entryId: "e",
      entryRevision: 1,
      tenant: "",
      csr: new Uint8Array(bytes),
      csrSha256: "",
    },
    0,
    signal,
  );
const limits = { maxItems: 100, maxBytes: 1 << 20, batchSize: 4, waitMs: 1, maxBatches: 2 };

/** A queue whose batches end when the test says so. */
function heldQueue(change: Partial<typeof limits> = {}) {
  const batches: { tickets: readonly Ticket[]; end: () => void }[] = [];
  const queue = new IssuanceQueue({ ...limits, ...change }, (tickets) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    batches.push({ tickets, end: resolve });
    return promise;
  });
  return { queue, batches };
}
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

test("a full batch goes at once, in order, and no more batches than allowed are under way", async () => {
  const { queue, batches } = heldQueue();
  const tickets = Array.from({ length: 11 }, () => ticket());
  for (const one of tickets) expect(queue.enter(one).ok).toBe(true);
  expect(batches.map(({ tickets: { length } }) => length)).toEqual([4, 4]);
  expect(queue.depth).toBe(3);
  batches[1]?.end();
  await settle();
  expect(batches.flatMap((batch) => batch.tickets)).toEqual(tickets);
  for (const { end } of batches) end();
  await queue.whenIdle();
});

test("a lone ticket goes after the bounded wait", async () => {
  const started = Promise.withResolvers<number>();
  const queue = new IssuanceQueue(limits, async (tickets) => started.resolve(tickets.length));
  queue.enter(ticket());
  expect(await started.promise).toBe(1);
  await queue.whenIdle();
});

test("items and bytes are bounded, and room comes back", async () => {
  const { queue, batches } = heldQueue({ maxItems: 3, maxBatches: 0 });
  const caller = new AbortController();
  const waiting = [ticket(caller.signal), ticket(), ticket()];
  for (const one of waiting) queue.enter(one);
  expect(queue.enter(ticket())).toMatchObject({ ok: false, error: { code: "queue-full" } });
  caller.abort(new Error("gone"));
  await expect(waiting[0]?.outcome).rejects.toThrow("gone");
  expect(queue.enter(ticket()).ok).toBe(true);
  expect(batches).toEqual([]);
  const narrow = heldQueue({ maxBytes: 1000, maxBatches: 0 }).queue;
  const hangsUp = new AbortController();
  const first = ticket(hangsUp.signal, 600);
  expect(narrow.enter(first).ok).toBe(true);
  expect(narrow.enter(ticket(never, 600)).ok).toBe(false);
  hangsUp.abort(new Error("gone"));
  await expect(first.outcome).rejects.toThrow("gone");
  expect(narrow.enter(ticket(never, 600)).ok).toBe(true);
});
