import { beforeEach, expect, test } from "vitest";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { Delivery } from "../../domain/subscription/secret.ts";
import type { Holder } from "../../domain/trust/holder.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { WorkloadAttestation } from "../attest-workload/workload-attestation.ts";
import type { WorkloadAttestor } from "../attest-workload/workload-attestor.ts";
import { Roster, type RosterLog } from "../roster/roster.ts";
import type { SvidNews } from "../svids/svid-keeper.ts";
import { type ProxySecrets, SdsSecrets } from "./sds-secrets.ts";
import type { WorkloadViewDeps } from "./workload-view.ts";

const never = new AbortController().signal;
const process = { pid: 42, uid: 1000, gid: 100, startTime: "777" };
const web = "spiffe://mesh.test/web";
const api = "spiffe://mesh.test/api";

let entries: RegistrationEntry[];
let svids: Map<string, X509Svid>;
let synced: boolean;
let log: RosterLog & { lines: Holder[]; failing: boolean };
let roster: Roster;
let secrets: ProxySecrets;
let running: string | undefined;
let anchors: string[];
let svidsChanged: (news: SvidNews) => void;

const give = (id: string, spiffeId: string, serial: string) => {
  entries = [
    ...entries.filter((entry) => entry.id !== id),
    { id, spiffeId, selectors: ["unix:uid:1000"] } as never,
  ];
  svids.set(id, { spiffeId, serial, authorityKeyId: "aa", notAfter: new Date(5000) } as X509Svid);
};

beforeEach(async () => {
  entries = [];
  svids = new Map();
  synced = true;
  running = "777";
  anchors = ["f".repeat(64)];
  log = {
    lines: [],
    failing: false,
    async append(holders) {
      if (log.failing) throw new Error("the disk is full");
      log.lines.push(...holders);
    },
    async compact() {},
  };
  const processes = { startTimeOf: () => running };
  const attestor: WorkloadAttestor = {
    name: "unix",
    attest: async () => ["unix:uid:1000", "unix:path:/bin/envoy"],
  };
  const clock = { now: () => new Date(1000) };
  const alarm = { after: () => () => undefined };
  const observer = { saw: () => undefined };
  roster = new Roster({ agentId: "agent", log, processes, clock, alarm, observer }, []);
  const fake = {
    attestation: new WorkloadAttestation({
      attestors: [attestor],
      processes,
      observer,
      stopwatch: { ms: () => 0 },
      withinMs: 1000,
      keepMs: 1000,
    }),
    recheckMs: 1000,
    alarm,
    observer,
    svids: {
      get isSynced() {
        return synced;
      },
      entries: () => entries,
      lookUp: (id: string) => ({ svid: svids.get(id), failed: false }),
      onChange: (listener: typeof svidsChanged) => {
        svidsChanged = listener;
        return () => undefined;
      },
    },
    bundles: {
      current: { trustDomain: "mesh.test", sequence: 1, anchors: [], lists: [] },
      partNames: () => anchors,
      onChange: () => () => undefined,
    },
  } as unknown as WorkloadViewDeps;
  secrets = await new SdsSecrets({ ...fake, roster }).open(process, never);
});

const leaf = (name: string, serial: string): Delivery => ({
  kind: "leaf",
  name,
  version: `v${serial}`,
  serial,
  authorityKeyId: "aa",
  notAfter: new Date(5000),
});
const bundle = (name: string, version = "b1"): Delivery => ({
  kind: "bundle",
  name,
  version,
  anchors: ["f".repeat(64)],
});
const holder = (spiffeId: string) => roster.all().find((one) => one.spiffeId === spiffeId);
const held = (spiffeId: string, name: string) =>
  holder(spiffeId)?.secrets.find((secret) => secret.name === name);

test.each([
  [web, "ready"],
  ["default", "ready"],
  ["ROOTCA", "ready"],
  ["ALL", "ready"],
  ["spiffe://mesh.test", "ready"],
  ["spiffe://other.test", "unauthorised"],
  ["spiffe://mesh.test/other", "unauthorised"],
  ["*", "unauthorised"],
])("%s is %s", (name, state) => {
  give("e1", web, "1");
  expect(secrets.resolve(name).state).toBe(state);
});

test("a process hears of its own SVIDs alone: one that comes, is replaced, or goes, and of the first registrations", () => {
  let heard = 0;
  secrets.onChange(() => {
    heard += 1;
  });
  const after = (entryIds: readonly string[], change: () => unknown) => {
    change();
    svidsChanged({ entries: entryIds.length === 0, entryIds: new Set(entryIds) });
    return heard;
  };
  synced = false;
  after([], () => undefined);
  heard = 0;
  expect(after([], () => undefined)).toBe(0);
  expect(after([], () => (synced = true))).toBe(1);
  expect(after([], () => give("e1", web, "1"))).toBe(2);
  const others = { id: "e2", spiffeId: api, selectors: ["unix:uid:2000"] } as never;
  expect(after([], () => (entries = [...entries, others]))).toBe(2);
  expect(after(["e2"], () => svids.set("e2", { serial: "2" } as X509Svid))).toBe(2);
  expect(after(["e2", "e1"], () => svids.set("e1", { serial: "3" } as X509Svid))).toBe(3);
  expect(after(["e1"], () => svids.delete("e1"))).toBe(4);
  expect(after([], () => (entries = entries.filter(({ id }) => id !== "e1")))).toBe(5);
});

test("nobody is unauthorised before the registrations are known, and an SVID under way is pending", () => {
  synced = false;
  expect(secrets.resolve(web).state).toBe("pending");
  synced = true;
  expect(secrets.resolve(web).state).toBe("unauthorised");
  give("e1", web, "1");
  svids.clear();
  expect([secrets.resolve(web).state, secrets.resolve("ROOTCA").state]).toEqual(["pending", "ready"]);
});

test("a delivery waits for the record, and is not made when that fails", async () => {
  give("e1", web, "1");
  log.failing = true;
  await expect(secrets.beforeDelivery("p", [bundle("ROOTCA")], never)).rejects.toThrow("disk is full");
  log.failing = false;
  await secrets.beforeDelivery("p", [bundle("ROOTCA")], never);
  expect(log.lines.at(-1)?.secrets[0]?.delivered?.content.version).toBe("b1");
});

test("what a child inherited of a process that has exited is given nothing: no roster entry would stand for it", async () => {
  give("e1", web, "1");
  running = undefined;
  await expect(secrets.beforeDelivery("p", [leaf(web, "1")], never)).rejects.toMatchObject({
    code: "PERMISSION_DENIED",
  });
  expect(log.lines).toEqual([]);
});

test("content of a bundle that is no longer the agent's own is not given any more", async () => {
  give("e1", web, "1");
  anchors = ["e".repeat(64), ...anchors];
  await expect(secrets.beforeDelivery("p", [bundle("ROOTCA")], never)).rejects.toMatchObject({
    code: "SERVER_UNAVAILABLE",
  });
  expect(roster.all()).toEqual([]);
});

test("each leaf is held under its own SPIFFE ID, the bundle under the first default", async () => {
  give("e1", web, "1");
  give("e2", api, "2");
  await secrets.beforeDelivery("p", [leaf("default", "1"), leaf(api, "2"), bundle("ROOTCA")], never);
  expect(holder(web)?.secrets.map(({ name }) => name)).toEqual(["default", "ROOTCA"]);
  expect(holder(api)?.secrets.map(({ name }) => name)).toEqual([api]);
  entries.reverse();
  await secrets.beforeDelivery("p", [bundle("ROOTCA", "b2")], never);
  expect(held(web, "ROOTCA")?.delivered?.content.version).toBe("b2");
  expect(held(api, "ROOTCA")).toBeUndefined();
});

test("when default stands for another identity, the old one is given up with the new one's acknowledgement", async () => {
  give("e1", web, "1");
  await secrets.beforeDelivery("p", [leaf("default", "1")], never);
  secrets.saw({ label: "p", name: "default", kind: "acknowledged", version: "v1" });
  entries = [];
  give("e2", api, "2");
  await secrets.beforeDelivery("p", [leaf("default", "2")], never);
  expect(held(web, "default")?.left).toBeUndefined();
  secrets.saw({ label: "p", name: "default", kind: "acknowledged", version: "v2" });
  expect(held(web, "default")?.left?.how).toBe("unsubscribed");
  expect(held(api, "default")?.acknowledged?.grade).toBe("acknowledged");
});

test("closing one name's streams leaves the others open; a reconnect takes the copy up again", async () => {
  give("e1", web, "1");
  await secrets.beforeDelivery("p", [leaf(web, "1"), bundle("ROOTCA")], never);
  secrets.saw({ label: "p", name: "ROOTCA", kind: "acknowledged", version: "b1" });
  secrets.saw({ label: "p", name: "ROOTCA", kind: "closed" });
  expect([held(web, "ROOTCA")?.left?.how, held(web, web)?.left]).toEqual(["closed", undefined]);
  secrets.saw({ label: "p", name: "ROOTCA", kind: "subscribed" });
  expect(held(web, "ROOTCA")).toMatchObject({ left: undefined, acceptedAnchors: ["f".repeat(64)] });
});

test("what is refused or unanswered is unsettled", async () => {
  give("e1", web, "1");
  await secrets.beforeDelivery("p", [leaf(web, "1"), bundle("ROOTCA")], never);
  secrets.saw({ label: "p", name: web, kind: "acknowledged", version: "v1" });
  secrets.saw({ label: "p", name: "ROOTCA", kind: "refused", version: "b1", detail: "no" });
  expect(secrets.unsettled).toEqual(["ROOTCA"]);
  expect(held(web, "ROOTCA")?.refusal?.reason).toBe("no");
});

test("events before any delivery make no holder; a process that exits is gone, and its pid's next owner another", async () => {
  give("e1", web, "1");
  secrets.saw({ label: "p", name: "ROOTCA", kind: "subscribed" });
  expect(roster.all()).toEqual([]);
  await secrets.beforeDelivery("p".repeat(9999), [bundle("ROOTCA")], never);
  expect(holder(web)?.label).toHaveLength(512);
  running = "778";
  roster.start();
  expect(holder(web)?.gone).toBe(true);
  roster.forget(roster.all());
  expect(roster.all()).toEqual([]);
});
