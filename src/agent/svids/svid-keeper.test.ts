import { beforeEach, expect, test } from "vitest";
import type { Der } from "../../domain/certificate/der.ts";
import { Fault } from "../../foundation/fault.ts";
import { type Random, systemRandom } from "../../foundation/random.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { AgentEvent } from "../agent-event.ts";
import { Stage, settle } from "../stage.fixtures.ts";
import { renewalMoment } from "./renewal.ts";
import type { IssuedChain, IssueItem, IssueRefusal } from "./svid-issuer.ts";
import { entry, hour, keeperOf } from "./svid-keeper.fixtures.ts";
import type { SvidKeeper } from "./svid-keeper.ts";

const start = 1_800_000_000_000;

type Answer = (item: IssueItem) => Result<IssuedChain, IssueRefusal>;
let stage: Stage;
let asked: IssueItem[];
let events: AgentEvent[];
let answer: Answer;
let authority: string;
let keeper: SvidKeeper;
let random: Random;

const issued = (): Result<IssuedChain, IssueRefusal> =>
  ok({ chain: [Uint8Array.of(asked.length) as Der], authorityKeyId: authority });

beforeEach(() => {
  stage = new Stage();
  asked = [];
  events = [];
  authority = "old";
  answer = issued;
  random = { bytes: (count) => new Uint8Array(count).fill(128) };
  keeper = keeperOf({
    stage,
    issue: async (item) => {
      asked.push(item);
      return answer(item);
    },
    saw: (event) => events.push(event),
    random: { bytes: (count) => random.bytes(count) },
  });
});

const serial = (id = "e1") => keeper.lookUp(id).svid?.serial;

test("an entry has its SVID after one round trip", async () => {
  let told = 0;
  keeper.onChange(() => told++);
  keeper.setEntries([entry()], [], true);
  expect(keeper.lookUp("e1")).toEqual({ svid: undefined, failed: false });
  await settle();
  expect(serial()).toBe("1");
  expect(told).toBeGreaterThan(0);
});

test("who listens is told once a turn, of which entries", async () => {
  const news: string[] = [];
  keeper.onChange(({ entries, entryIds }) => news.push(`${entries} ${[...entryIds]}`));
  keeper.setEntries([entry(), entry({ id: "e2" })], [], true);
  await settle();
  expect(news).toEqual(["true ", "false e1,e2"]);
});

test("it is renewed once, between 40 and 60 % of its life, always at the same moment", async () => {
  keeper.setEntries([entry()], [], true);
  await settle();
  const moment = renewalMoment({ obtainedAt: new Date(start), notAfter: new Date(start + hour) }, "e1");
  expect((moment - start) / hour).toBeGreaterThanOrEqual(0.4);
  expect((moment - start) / hour).toBeLessThan(0.6);
  await stage.advance(moment - start - 1);
  expect(serial()).toBe("1");
  await stage.advance(2);
  expect(serial()).toBe("2");
  expect(keeper.takeSuperseded()).toEqual(["1"]);
  expect(keeper.takeSuperseded()).toEqual([]);
});

test("while the server is away it serves what it holds and retries ever more slowly", async () => {
  keeper.setEntries([entry()], [], true);
  await settle();
  answer = () => {
    throw new Fault("SERVER_UNAVAILABLE", "away");
  };
  await stage.advance(hour * 0.9);
  expect(serial()).toBe("1");
  const tries = asked.length;
  expect(tries).toBeGreaterThan(10);
  expect(tries).toBeLessThan(150);
  expect(events.at(-1)).toMatchObject({ kind: "svid-refused", code: "SERVER_UNAVAILABLE" });
  answer = issued;
  keeper.retrySoon();
  await settle();
  expect(keeper.lookUp("e1")).toMatchObject({ failed: false, svid: { serial: String(asked.length) } });
});

test("an SVID that has expired is no longer given out", async () => {
  keeper.setEntries([entry()], [], true);
  await settle();
  answer = () => refused({ code: "denied", retryAfterMs: 0 });
  await stage.advance(hour + 1);
  expect(keeper.lookUp("e1")).toEqual({ svid: undefined, failed: true });
});

test("the server's retry_after is a floor, also when the server comes back, and chance adds up to a quarter", async () => {
  answer = () => refused({ code: "retry", retryAfterMs: 5000 });
  keeper.setEntries([entry()], [], true);
  await settle();
  await stage.advance(4000);
  keeper.retrySoon();
  await stage.advance(999);
  expect(asked).toHaveLength(1);
  await stage.advance(1252);
  expect(asked).toHaveLength(2);
});

test("a server that names a time far away does not end renewal", async () => {
  answer = () => refused({ code: "retry", retryAfterMs: 2 ** 32 - 1 });
  keeper.setEntries([entry()], [], true);
  await settle();
  await stage.advance(5 * 60_000 * 1.25 + 1);
  expect(asked).toHaveLength(2);
});

test("an agent with many leaves asks no more often than the server allows, whatever times it names", async () => {
  const named = 3000;
  random = systemRandom;
  answer = () => refused({ code: "retry", retryAfterMs: named });
  const ids = Array.from({ length: 200 }, (_, at) => entry({ id: `e${at}` }));
  keeper.setEntries(ids, [], true);
  await settle();
  expect(asked).toHaveLength(200);
  const seen: number[] = [];
  for (let step = 0; step < 60; step += 1) {
    const before = asked.length;
    keeper.retrySoon();
    await stage.advance(100);
    seen.push(asked.length - before);
  }
  expect(seen.slice(0, 29).every((count) => count === 0)).toBe(true);
  expect(Math.max(...seen)).toBeLessThan(80);
  expect(asked.length).toBeLessThanOrEqual(600);
});

test("a change that the certificate shows replaces it at once; another change does not", async () => {
  keeper.setEntries([entry()], [], true);
  await settle();
  keeper.setEntries([entry({ revision: 2, hint: "main", priority: 5 })], [], false);
  await settle();
  expect(asked).toHaveLength(1);
  expect(keeper.lookUp("e1").svid?.hint).toBe("main");
  keeper.setEntries([entry({ revision: 3, dnsNames: ["web"] })], [], false);
  expect(serial()).toBe("1");
  await settle();
  expect(serial()).toBe("2");
});

test("another SPIFFE ID withdraws the SVID before the next one is there", async () => {
  keeper.setEntries([entry()], [], true);
  await settle();
  keeper.setEntries([entry({ spiffeId: "spiffe://mesh.example/db" as never, revision: 2 })], [], false);
  expect(serial()).toBeUndefined();
  await settle();
  expect(keeper.lookUp("e1").svid?.spiffeId).toBe("spiffe://mesh.example/db");
});

test("removed entries lose their SVIDs, by name and by a full update", async () => {
  keeper.setEntries([entry(), entry({ id: "e2" }), entry({ id: "e3" })], [], true);
  await settle();
  keeper.setEntries([], ["e1"], false);
  keeper.setEntries([entry({ id: "e3" })], [], true);
  expect([serial("e1"), serial("e2"), serial("e3")]).toEqual([undefined, undefined, "3"]);
  expect(keeper.takeSuperseded()).toEqual(["1", "2"]);
});

test("an answer for an entry that has gone meanwhile is not kept", async () => {
  keeper.setEntries([entry()], [], true);
  keeper.setEntries([], ["e1"], false);
  await settle();
  expect(asked).toHaveLength(1);
  expect(serial()).toBeUndefined();
  expect(keeper.takeSuperseded()).toEqual(["1"]);
});

test("another authority replaces every leaf within the spread, each once and after the nodes", async () => {
  const ids = Array.from({ length: 50 }, (_, at) => `e${at}`);
  keeper.setEntries(
    ids.map((id) => entry({ id })),
    [],
    true,
  );
  await settle();
  authority = "new";
  keeper.setAuthority({
    activeKeyId: "new",
    reissueSpreadMs: 8000,
    emergency: false,
    learnedAtMs: stage.nowMs,
  });
  await stage.advance(1999);
  expect(asked).toHaveLength(50);
  await stage.advance(3000);
  expect(asked.length).toBeGreaterThan(55);
  expect(asked.length).toBeLessThan(95);
  await stage.advance(3001);
  expect(asked).toHaveLength(100);
  for (const id of ids) expect(keeper.lookUp(id).svid?.authorityKeyId).toBe("new");
});

/** Ten leaves, of which each ends a minute after the one before it in this list. */
async function leavesInOrder(): Promise<readonly string[]> {
  const ids = Array.from({ length: 10 }, (_, at) => `e${(at * 7) % 10}`);
  const all = ids.toSorted().map((id) => entry({ id }));
  keeper.setEntries(all, [], true);
  await settle();
  for (const id of ids) {
    keeper.setEntries([entry({ id, dnsNames: ["web.mesh.example"] })], [], false);
    await settle();
    await stage.advance(60_000);
  }
  asked.length = 0;
  authority = "new";
  return ids;
}

const askedIds = () => asked.map(({ entryId }) => entryId);

test("R14: what ends first is replaced first, at even steps, whatever its name", async () => {
  const ids = await leavesInOrder();
  keeper.setAuthority({
    ...{ activeKeyId: "new", reissueSpreadMs: 4000, emergency: false, learnedAtMs: stage.nowMs },
  });
  await stage.advance(1000);
  for (let step = 1; step <= 10; step += 1) {
    await stage.advance(300);
    expect(askedIds()).toEqual(ids.slice(0, step));
  }
});

test("R20: a node whose turn has not come keeps what it has, by whichever authority it gets the next one", async () => {
  keeper.setAuthority({
    activeKeyId: "old",
    reissueSpreadMs: 100,
    emergency: false,
    learnedAtMs: stage.nowMs,
  });
  keeper.setAuthority(undefined);
  authority = "new";
  keeper.setEntries([entry({ dnsNames: ["web.mesh.example"] })], [], true);
  await settle();
  expect(asked.splice(0)).toHaveLength(1);
  await stage.advance(60_000);
  expect(asked).toEqual([]);
  keeper.setAuthority({
    activeKeyId: "newer",
    reissueSpreadMs: 100,
    emergency: false,
    learnedAtMs: stage.nowMs,
  });
  await stage.advance(2000);
  expect(asked).not.toEqual([]);
});

test("R24: in an incident what ends last is replaced first, all at once where no pace is known, behind what is new", async () => {
  const ids = await leavesInOrder();
  keeper.setEntries([entry({ id: "new" })], [], false);
  keeper.setAuthority({
    ...{ activeKeyId: "new", reissueSpreadMs: 0, emergency: true, learnedAtMs: stage.nowMs },
  });
  await settle();
  expect(askedIds()).toEqual(["new", ...ids.toReversed()]);
});

test("a server that keeps to the old authority is not asked in a tight loop", async () => {
  keeper.setEntries([entry()], [], true);
  await settle();
  keeper.setAuthority({
    activeKeyId: "new",
    reissueSpreadMs: 100,
    emergency: false,
    learnedAtMs: stage.nowMs,
  });
  await stage.advance(10_100);
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.length).toBeLessThan(13);
});

test("after stop nothing is asked any more", async () => {
  keeper.setEntries([entry()], [], true);
  await settle();
  keeper.stop();
  await stage.advance(hour * 2);
  expect(asked).toHaveLength(1);
});
