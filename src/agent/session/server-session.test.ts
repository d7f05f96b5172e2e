import { beforeEach, expect, test } from "vitest";
import { Fault } from "../../foundation/fault.ts";
import type { AgentEvent } from "../agent-event.ts";
import type { BundleKeeper } from "../node/bundle-keeper.ts";
import type { Roster } from "../roster/roster.ts";
import { Stage, settle } from "../stage.fixtures.ts";
import { HolderReporter } from "./holder-reporter.ts";
import type { RosterReport, ServerFeed, ServerUpdate } from "./server-feed.ts";
import { ServerSession } from "./server-session.ts";

const update: ServerUpdate = {
  full: true,
  upserts: [],
  removedIds: [],
  bundle: undefined,
  authority: undefined,
  flaws: [],
};

/** A server whose absence, updates and receipts the test decides. */
class FakeServer implements ServerFeed {
  isAway = false;
  isRefusing = false;
  connections = 0;
  readonly reports: RosterReport[] = [];
  receipt: Promise<void> = Promise.resolve();

  async *watch(signal: AbortSignal): AsyncIterable<ServerUpdate> {
    this.connections += 1;
    if (this.isAway) throw new Fault("SERVER_UNAVAILABLE", "away");
    if (this.isRefusing) throw new Fault("PERMISSION_DENIED", "not admitted");
    yield update;
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }

  openReports() {
    return {
      send: (report: RosterReport) => {
        this.reports.push(report);
        return this.receipt;
      },
    };
  }
}

let stage: Stage;
let server: FakeServer;
let events: AgentEvent[];
let holders: { pid: number; secrets: unknown[] }[];
let changed: { pid: number; gone: boolean; secrets: unknown[] }[];
let superseded: string[];
let forgotten: number[];
let ring: () => void;
let sequence: number;
let session: ServerSession;
let stop: AbortController;
let running: Promise<void>;
let refusals: number[];

beforeEach(() => {
  stage = new Stage();
  refusals = [];
  server = new FakeServer();
  events = [];
  changed = [];
  holders = [{ pid: 1, secrets: [] }];
  superseded = [];
  forgotten = [];
  sequence = 1;
  const onChange = (listener: () => void) => {
    ring = listener;
    return () => undefined;
  };
  const roster = {
    all: () => holders,
    takeChanged: () => changed.splice(0),
    forget: (holders: { pid: number; gone: boolean }[]) =>
      forgotten.push(...holders.filter(({ gone }) => gone).map(({ pid }) => pid)),
    onChange,
  } as unknown as Roster;
  const bundles = {
    get current() {
      return { sequence };
    },
    partNames: () => ["aa"],
    onChange,
  } as unknown as BundleKeeper;
  const svids = { takeSuperseded: () => superseded.splice(0), servedSerials: () => ["02"], onChange };
  const reporter = new HolderReporter({ roster, bundles, svids, nodeSerial: () => "01", alarm: stage });
  session = new ServerSession({
    onRefused: () => refusals.push(stage.nowMs),
    feed: server,
    reporter,
    apply: async () => undefined,
    onConnected: () => undefined,
    random: { bytes: (count) => new Uint8Array(count) },
    alarm: stage,
    observer: { saw: (event) => events.push(event) },
  });
  stop = new AbortController();
});
const start = async () => {
  running = session.run(stop.signal);
  await settle();
};

test("everything is reported before the bundle is accepted, and what changes after it", async () => {
  await start();
  expect(server.reports).toMatchObject([
    { full: true, holders: [{ pid: 1 }], acceptance: undefined, servedSerials: ["01", "02"] },
    { full: false, holders: [], acceptance: { sequence: 1, anchors: ["aa"] }, servedSerials: [] },
  ]);
  changed.push({ pid: 2, gone: true, secrets: [] });
  superseded.push("09");
  ring();
  await settle();
  expect(server.reports[2]).toMatchObject({
    holders: [{ pid: 2 }],
    acceptance: undefined,
    supersededSerials: ["09"],
  });
  expect(forgotten).toEqual([2]);
  sequence = 2;
  ring();
  await settle();
  expect(server.reports[3]).toMatchObject({ acceptance: { sequence: 2 }, supersededSerials: [] });
});

test("what is served is said again, so that leaves which died with a killed agent are told apart from those under way", async () => {
  await start();
  expect(server.reports).toHaveLength(2);
  for (const count of [3, 4]) {
    await stage.advance(70_000);
    expect(server.reports).toHaveLength(count);
    expect(server.reports.at(-1)).toMatchObject({ full: false, holders: [], servedSerials: ["01", "02"] });
  }
});

test("what is too much for one message goes in several, all of them before the bundle is accepted", async () => {
  holders = Array.from({ length: 600 }, (_, pid) => ({ pid, secrets: [{}, {}, {}] }));
  await start();
  expect(server.reports.map(({ full, acceptance }) => [full, acceptance !== undefined])).toEqual([
    [true, false],
    [false, false],
    [false, false],
    [false, true],
  ]);
  expect(server.reports.flatMap((report) => report.holders.map(({ pid }) => pid))).toEqual(
    holders.map(({ pid }) => pid),
  );
  changed = Array.from({ length: 1200 }, (_, pid) => ({ pid, gone: true, secrets: [] }));
  ring();
  await settle();
  expect(server.reports.slice(4).map((report) => report.holders.length)).toEqual([1000, 200]);
  expect(forgotten).toHaveLength(1200);
});

test("a server that answers and then refuses every report is not asked in a tight loop", async () => {
  server.receipt = Promise.reject(new Fault("SERVER_UNAVAILABLE", "not so"));
  await start();
  await stage.advance(600_000);
  expect(server.connections).toBeLessThan(400);
});

test("without a receipt nothing is accepted, forgotten or taken for told", async () => {
  server.receipt = new Promise(() => undefined);
  superseded.push("09");
  await start();
  expect(server.reports).toMatchObject([{ full: true, supersededSerials: ["09"] }]);
  server.receipt = Promise.resolve();
  session.reconnect();
  await settle();
  expect(server.reports.slice(1)).toMatchObject([
    { full: true, supersededSerials: ["09"] },
    { full: false, acceptance: { sequence: 1 }, supersededSerials: [] },
  ]);
});

test("a server that is away is tried again within four seconds, however long it was away", async () => {
  server.isAway = true;
  await start();
  await stage.advance(600_000);
  const tries = server.connections;
  expect(tries).toBeGreaterThan(150);
  expect(session.isConnected).toBe(false);
  expect(events.at(-1)).toMatchObject({ kind: "server-away", reason: "away" });
  server.isAway = false;
  await stage.advance(4000);
  expect([session.isConnected, events.at(-1)]).toEqual([true, { kind: "server-connected" }]);
});

test("a new connection for new credentials is made at once and is no absence", async () => {
  await start();
  session.reconnect();
  await settle();
  expect([server.connections, session.isConnected]).toEqual([2, true]);
  expect(events.map(({ kind }) => kind)).toEqual(["server-connected", "server-connected"]);
});

test("it ends when it is told to, connected or not, and leaves no alarm", async () => {
  await start();
  stop.abort();
  await running;
  server.isAway = true;
  stop = new AbortController();
  await start();
  stop.abort();
  await running;
  expect(stage.alarms).toBe(0);
});

test("a server that refuses this agent is told from one that is away", async () => {
  server.isAway = true;
  await start();
  await stage.advance(10_000);
  expect(refusals).toEqual([]);
  [server.isAway, server.isRefusing] = [false, true];
  await stage.advance(10_000);
  expect(refusals.length).toBeGreaterThan(1);
});
