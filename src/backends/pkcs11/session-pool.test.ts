import type { Session } from "graphene-pk11";
import { expect, test } from "vitest";
import { SessionPool } from "./session-pool.ts";

const session = (name: string) => ({ name }) as unknown as Session;
const never = new AbortController().signal;

test("one operation a session; the next in line gets what is given back", async () => {
  const pool = new SessionPool([session("a"), session("b")]);
  const first = await pool.lend(0, never);
  const second = await pool.lend(0, never);
  expect(second.session).not.toBe(first.session);
  const order: string[] = [];
  const third = pool.lend(0, never).then((lease) => {
    order.push("third");
    return lease;
  });
  const fourth = pool.lend(0, never).then((lease) => {
    order.push("fourth");
    return lease;
  });
  expect([pool.busy, pool.depth]).toEqual([2, 2]);
  first.release();
  first.release();
  expect((await third).session).toBe(first.session);
  second.release();
  expect((await fourth).session).toBe(second.session);
  expect(order).toEqual(["third", "fourth"]);
});

test("of those who wait the lowest turn comes first, whoever came when", async () => {
  const pool = new SessionPool([session("a")]);
  const held = await pool.lend(1, never);
  const order: number[] = [];
  const served = [3, 2, 4, 2].map(async (turn, at) => {
    const lease = await pool.lend(turn, never);
    order.push(at);
    lease.release();
  });
  held.release();
  await Promise.all(served);
  expect(order).toEqual([1, 3, 0, 2]);
});

test("who gives up waiting leaves the queue and takes no session with them", async () => {
  const pool = new SessionPool([session("a")]);
  const held = await pool.lend(0, never);
  const patience = new AbortController();
  const waiting = pool.lend(0, patience.signal);
  patience.abort(new Error("too long"));
  await expect(waiting).rejects.toThrow("too long");
  expect(pool.depth).toBe(0);
  held.release();
  expect((await pool.lend(0, never)).session).toBe(held.session);
});

test("a retired session never comes back, and a fresh one serves those who wait", async () => {
  const pool = new SessionPool([session("a")]);
  (await pool.lend(0, never)).retire();
  expect(pool.size).toBe(0);
  const waiting = pool.lend(0, never);
  const fresh = session("b");
  pool.add(fresh);
  expect((await waiting).session).toBe(fresh);
  expect(pool.size).toBe(1);
});

test("no more are lent than may be at that moment; who waits is served as soon as one comes back and more may be", async () => {
  let most = 1;
  const pool = new SessionPool([session("a"), session("b"), session("c")], () => most);
  const held = await pool.lend(0, never);
  const served: number[] = [];
  const waiting = [1, 2, 3].map((turn) => pool.lend(turn, never).then(() => served.push(turn)));
  expect([pool.busy, pool.depth]).toEqual([1, 3]);
  most = 2;
  held.release();
  await Promise.all(waiting.slice(0, 2));
  expect([served, pool.busy, pool.depth]).toEqual([[1, 2], 2, 1]);
  most = 3;
  const late = pool.lend(4, never);
  await waiting[2]; // it came first
  expect([served, pool.depth]).toEqual([[1, 2, 3], 1]);
  pool.close(new Error("over"));
  await expect(late).rejects.toThrow("over");
});

test("a closed pool sends away who waits and who comes", async () => {
  const pool = new SessionPool([session("a")]);
  const held = await pool.lend(0, never);
  const waiting = pool.lend(0, never);
  pool.close(new Error("token gone"));
  await expect(waiting).rejects.toThrow("token gone");
  held.release();
  expect(pool.busy).toBe(0);
  await expect(pool.lend(0, never)).rejects.toThrow("token gone");
});
