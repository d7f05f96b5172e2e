import { expect, test } from "vitest";
import type { Holder } from "../../domain/trust/holder.ts";
import { acknowledged, delivered } from "../../domain/trust/holder-updates.ts";
import type { LoadedContext } from "../../domain/trust/loaded-contexts.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { AgentEvent } from "../agent-event.ts";
import { Roster } from "../roster/roster.ts";
import { Stage } from "../stage.fixtures.ts";
import { ProxyInspector } from "./proxy-inspector.ts";

const web = "spiffe://td/web";
const processOf = (pid: number) => ({ pid, startTime: "7", uid: 0, gid: 0 });

/** A node whose proxies show what the test says; each look is counted. */
function node(everyMs = 10_000) {
  const stage = new Stage();
  const running = new Map<number, string>();
  const shown = new Map<number, Promise<Result<readonly LoadedContext[], string>>>();
  const counts = new Map<number, { done: number; unverified: number }>();
  const looks: number[] = [];
  const written: Holder[] = [];
  const events: AgentEvent[] = [];
  const common = {
    processes: { startTimeOf: (pid: number) => running.get(pid) },
    clock: stage,
    alarm: stage,
    observer: { saw: (event: AgentEvent) => void events.push(event) },
  };
  const log = {
    append: async (holders: readonly Holder[]) => void written.push(...holders),
    compact: async () => undefined,
  };
  const roster = new Roster({ ...common, agentId: "agent", log }, []);
  const inspector = new ProxyInspector({
    ...common,
    roster,
    everyMs,
    newListenerWatch: undefined,
    anchors: { known: { current: new Map(), lists: new Set(), former: new Set() } },
    admin: {
      contexts: async ({ process: { pid } }) => {
        looks.push(pid);
        return (await shown.get(pid)) ?? refused("nothing there");
      },
      listeners: async () => ok([]),
      handshakes: async ({ process: { pid } }) => {
        const { done = 0, unverified = 0 } = counts.get(pid) ?? {};
        return ok({ done, failed: { unverified, wrongName: 0, noCertificate: 0, other: 0 } });
      },
    },
  });
  const show = (pid: number, serial: string) =>
    void shown.set(pid, Promise.resolve(ok([{ leaves: [{ serial, uris: [web] }], anchors: [] }])));
  const take = (pid: number, serial: string) => {
    running.set(pid, "7");
    const who = { process: processOf(pid), kind: "sds", spiffeId: web, label: "p" } as const;
    const content = {
      kind: "leaf",
      version: serial,
      serial,
      authorityKeyId: "aa",
      notAfter: new Date(stage.nowMs + 1e6),
    } as const;
    const place = { channel: "", name: "default" };
    return roster.recordDelivery(who, (holder, at) =>
      acknowledged(
        delivered(holder, { ...place, content }, at),
        { ...place, version: serial, grade: "acknowledged" },
        at,
      ),
    );
  };
  const holder = (pid: number) => roster.findAll(processOf(pid), "sds")[0];
  const grade = (pid: number) => holder(pid)?.secrets[0]?.acknowledged?.grade;
  return {
    stage,
    running,
    shown,
    counts,
    looks,
    written,
    events,
    roster,
    inspector,
    show,
    take,
    holder,
    grade,
  };
}

test("what was acknowledged is proved within a second, and then left alone", async () => {
  const { stage, looks, written, inspector, show, take, grade } = node();
  inspector.start();
  inspector.introduce(processOf(1), "/admin");
  show(1, "a");
  await take(1, "0a");
  await stage.advance(1000);
  expect(grade(1)).toBe("proved");
  const before = [looks.length, written.length];
  await stage.advance(60_000);
  expect([looks.length, written.length]).toEqual(before);
  show(1, "b");
  await take(1, "0b");
  await stage.advance(1000);
  expect(grade(1)).toBe("proved");
});

test("what is not used is looked at again soon, a trouble after four seconds, and over once it is used", async () => {
  const { stage, events, inspector, show, take, holder, grade } = node();
  inspector.start();
  inspector.introduce(processOf(1), "/admin");
  show(1, "a");
  await take(1, "0b");
  await stage.advance(3000);
  expect(holder(1)?.troubles).toEqual([]);
  await stage.advance(3000);
  expect(holder(1)?.troubles).toMatchObject([
    { kind: "not-applied", reason: expect.stringContaining("still shows a") },
  ]);
  expect(events).toMatchObject([{ kind: "proxy-trouble", pid: 1, trouble: "not-applied" }]);
  show(1, "b");
  await stage.advance(10_000);
  expect([grade(1), holder(1)?.troubles]).toEqual(["proved", []]);
  expect(events.at(-1)).toMatchObject({ kind: "proxy-recovered", pid: 1 });
});

test("who names no admin interface is never looked at, nor anybody when it is switched off", async () => {
  const one = node();
  one.inspector.start();
  one.inspector.introduce(processOf(1), undefined);
  const off = node(0);
  off.inspector.start();
  off.inspector.introduce(processOf(1), "/admin");
  for (const { stage, take, looks, show } of [one, off]) {
    show(1, "a");
    await take(1, "0a");
    await stage.advance(60_000);
    expect(looks).toEqual([]);
  }
});

test("a proxy that cannot be asked is told of once, misses two turns, and has no trouble by that", async () => {
  const { stage, looks, events, inspector, take, holder } = node();
  inspector.start();
  inspector.introduce(processOf(1), "/admin");
  await take(1, "0a");
  await stage.advance(65_000);
  expect(events).toEqual([{ kind: "proxy-not-inspected", pid: 1, reason: "nothing there" }]);
  expect(looks.length).toBe(3);
  expect(holder(1)?.troubles).toEqual([]);
});

test("four are looked at at a time, and one that hangs holds up nobody else", async () => {
  const { stage, shown, looks, inspector, show, take, grade } = node();
  inspector.start();
  shown.set(1, new Promise(() => undefined));
  for (let pid = 1; pid <= 9; pid += 1) {
    inspector.introduce(processOf(pid), "/admin");
    if (pid > 1) show(pid, "a");
    await take(pid, "0a");
  }
  await stage.advance(1000);
  await stage.advance(1000);
  expect([2, 3, 4, 5, 6, 7, 8, 9].map(grade)).toEqual(new Array(8).fill("proved"));
  expect(looks.filter((pid) => pid === 1)).toEqual([1]);
});

test("a process that has exited is forgotten", async () => {
  const { stage, running, looks, inspector, show, take } = node();
  inspector.start();
  inspector.introduce(processOf(1), "/admin");
  await take(1, "0a");
  running.set(1, "8");
  show(1, "a");
  await stage.advance(60_000);
  expect(looks).toEqual([]);
});

test("switched off, an agent takes back what an earlier run of it saw", async () => {
  const { inspector, stage, show, take, holder, roster } = node();
  inspector.start();
  inspector.introduce(processOf(1), "/admin");
  show(1, "a");
  await take(1, "0b");
  await stage.advance(6000);
  expect(holder(1)?.troubles).toHaveLength(1);
  inspector.stop();
  const deps = {
    roster,
    everyMs: 0,
    newListenerWatch: undefined,
    clock: stage,
    alarm: stage,
    observer: { saw: () => undefined },
  };
  const none = {
    admin: {
      contexts: async () => refused(""),
      handshakes: async () => refused(""),
      listeners: async () => ok([]),
    },
    processes: { startTimeOf: () => "7" },
  };
  const known = { current: new Map(), lists: new Set<string>(), former: new Set<string>() };
  new ProxyInspector({ ...deps, ...none, anchors: { known } }).start();
  expect(holder(1)?.troubles).toEqual([]);
});

test("handshakes that begin to fail are a trouble within a minute, told once, and over a minute after the last one", async () => {
  const { stage, counts, events, written, inspector, show, take, holder } = node();
  inspector.start();
  inspector.introduce(processOf(1), "/admin");
  show(1, "a");
  await take(1, "0a");
  let [done, unverified] = [1000, 50];
  const pass = async (turns: number, each: { done: number; unverified: number }) => {
    for (let turn = 0; turn < turns; turn += 1) {
      done += each.done;
      unverified += each.unverified;
      counts.set(1, { done, unverified });
      await stage.advance(10_000);
    }
  };
  await pass(70, { done: 100, unverified: 0 });
  expect(holder(1)?.troubles).toEqual([]);
  await pass(6, { done: 90, unverified: 10 });
  const reason = expect.stringMatching(/^began to fail handshakes: \d+ of \d+ in 60 s, where 0 were usual/);
  expect(holder(1)?.troubles).toEqual([{ kind: "handshakes", since: expect.any(Date), reason }]);
  const before = written.length;
  await pass(60, { done: 90, unverified: 10 });
  expect(written.length).toBe(before);
  await pass(7, { done: 100, unverified: 0 });
  expect(holder(1)?.troubles).toEqual([]);
  expect(events.map(({ kind }) => kind)).toEqual(["proxy-trouble", "proxy-recovered"]);
});
