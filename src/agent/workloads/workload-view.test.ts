import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { AgentEvent } from "../agent-event.ts";
import { byPrecedence } from "../attest-workload/selectors.ts";
import { WorkloadAttestation } from "../attest-workload/workload-attestation.ts";
import { Stage, settle } from "../stage.fixtures.ts";
import type { SvidNews } from "../svids/svid-keeper.ts";
import { WorkloadView, type WorkloadViewDeps } from "./workload-view.ts";

const never = new AbortController().signal;
const process = { pid: 64, uid: 1000, gid: 100, startTime: "777" };
const web = "spiffe://mesh.test/web";
const shop = "spiffe://mesh.test/shop";

let stage: Stage;
let entries: RegistrationEntry[];
let isSynced: boolean;
let running: string | undefined;
let pod: readonly string[] | Error;
let looks: number;
let events: AgentEvent[];
let tell: (news: SvidNews) => void;
let deps: WorkloadViewDeps;

beforeEach(() => {
  stage = new Stage();
  entries = [];
  isSynced = true;
  running = "777";
  pod = ["k8s:ns:shop"];
  looks = 0;
  events = [];
  const attest = async () => {
    looks += 1;
    if (pod instanceof Error) throw pod;
    return pod;
  };
  const observer = { saw: (event: AgentEvent) => void events.push(event) };
  deps = {
    attestation: new WorkloadAttestation({
      attestors: [
        { name: "unix", attest: async () => ["unix:uid:1000"] },
        { name: "k8s", attest },
      ],
      processes: { startTimeOf: () => running },
      stopwatch: { ms: () => stage.nowMs },
      observer,
      withinMs: 1000,
      keepMs: 3_600_000,
    }),
    recheckMs: 30_000,
    alarm: stage,
    observer,
    svids: {
      get isSynced() {
        return isSynced;
      },
      entries: () => entries,
      lookUp: () => ({ svid: undefined, failed: false }),
      onChange: (listener: typeof tell) => {
        tell = listener;
        return () => undefined;
      },
    },
    bundles: { onChange: () => () => undefined },
  } as unknown as WorkloadViewDeps;
});

const register = (spiffeId: string, selectors: readonly string[], priority = 0) => {
  const entry = {
    id: spiffeId,
    spiffeId,
    selectors,
    priority,
    createdAt: new Date(0),
  } as unknown as RegistrationEntry;
  entries = [...entries, entry].sort(byPrecedence);
};
const registerBoth = (priority = 0) => {
  register(web, ["unix:uid:1000"]);
  register(shop, ["unix:uid:1000", "k8s:ns:shop"], priority);
};
const open = async () => {
  const view = await WorkloadView.open(deps, process, never);
  onTestFinished(() => view.close());
  return view;
};
const idsOf = (view: WorkloadView) => view.identities().map(({ entry }) => entry.spiffeId);

test("WL3: an attestor that fails in mid-stream takes nothing away, now or on the next stream", async () => {
  registerBoth();
  const view = await open();
  expect(idsOf(view)).toEqual([shop, web]);
  pod = new Error("connection refused");
  let told = 0;
  view.onChange(() => {
    told += 1;
  });
  await stage.advance(600_000);
  expect(looks).toBeGreaterThan(5);
  expect([idsOf(view), view.isSettled, told]).toEqual([[shop, web], true, 0]);
  expect(events).toMatchObject([{ kind: "attestor-failing", keeps: true }]);
  view.close();
  const next = await open();
  expect([idsOf(next), next.isSettled]).toEqual([[shop, web], true]);
});

test("WL4: a first caller whose attestor fails is kept waiting, not turned away, and hears when it is back", async () => {
  register(shop, ["k8s:ns:shop"]);
  pod = new Error("connection refused");
  const view = await open();
  expect([idsOf(view), view.isSettled, view.mayYetHave(shop), view.mayYetHave(web)]).toEqual([
    [],
    false,
    true,
    false,
  ]);
  let told = 0;
  view.onChange(() => {
    told += 1;
  });
  pod = ["k8s:ns:shop"];
  await stage.advance(1250);
  expect([idsOf(view), view.isSettled, told]).toEqual([[shop], true, 1]);
});

test.each([
  ["goes before", 5, false],
  ["comes after", -5, true],
])(
  "a first caller has its certain identities unless one that is uncertain %s",
  async (_, priority, settled) => {
    registerBoth(priority);
    pod = new Error("connection refused");
    const view = await open();
    expect([idsOf(view), view.isSettled]).toEqual([[web], settled]);
  },
);

test("a process that no failing attestor could give anything is turned away", async () => {
  register(shop, ["unix:uid:0", "k8s:ns:shop"]);
  pod = new Error("connection refused");
  expect((await open()).isSettled).toBe(true);
});

test("what changes about a process is noticed at the set pace", async () => {
  registerBoth();
  const view = await open();
  pod = ["k8s:ns:other"];
  await stage.advance(30_000);
  expect(idsOf(view)).toEqual([web]);
  pod = ["k8s:ns:shop"];
  await stage.advance(30_000);
  expect(idsOf(view)).toEqual([shop, web]);
  expect(looks).toBe(3);
});

test("a process that has exited is not looked at again, nor one whose stream has closed", async () => {
  registerBoth();
  const view = await open();
  running = "778";
  await stage.advance(120_000);
  expect([looks, stage.alarms]).toEqual([1, 0]);
  running = "777";
  const other = await open();
  other.close();
  expect(stage.alarms).toBe(0);
  expect(() => {
    running = undefined;
    view.checkRuns();
  }).toThrow("has exited");
});

test("a kind of selector that nobody asked for before is looked at as soon as an entry names it", async () => {
  register(web, ["unix:uid:1000"]);
  const view = await open();
  expect([idsOf(view), looks]).toEqual([[web], 0]);
  register(shop, ["k8s:ns:shop"], 1);
  tell({ entries: true, entryIds: new Set() });
  expect(view.isSettled).toBe(false);
  await settle();
  expect([idsOf(view), view.isSettled]).toEqual([[shop, web], true]);
});

test("entries that come after the caller do not find it without an identity for a moment", async () => {
  isSynced = false;
  const view = await open();
  register(shop, ["k8s:ns:shop"]);
  isSynced = true;
  tell({ entries: true, entryIds: new Set() });
  expect([idsOf(view), view.isSettled]).toEqual([[], false]);
  await settle();
  expect([idsOf(view), view.isSettled]).toEqual([[shop], true]);
});
