import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Holder, holderKey, newHolder } from "../../domain/trust/holder.ts";
import { type HolderRecord, toHolderRecord } from "../../domain/trust/holder-record.ts";
import { delivered, gone } from "../../domain/trust/holder-updates.ts";
import { Fault } from "../../foundation/fault.ts";
import { type HolderReportMessage, readReport } from "./holder-report.ts";
import { HolderRoster } from "./holder-roster.ts";
import type { HolderStore, RosterChange, SupersededLeaf } from "./holder-store.ts";

const { signal } = new AbortController();
const agent = "spiffe://mesh.test/meshmint/agent/join_token/n1";
const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);
const nothing: HolderReportMessage = {
  full: false,
  holders: [],
  acceptance: null,
  supersededSerials: [],
  servedSerials: [],
};

/** A store whose writes last until the test lets them through. */
class HeldStore implements HolderStore {
  readonly holders = new Map<string, Holder>();
  readonly superseded: SupersededLeaf[] = [];
  readonly writes: RosterChange[] = [];
  gate: Promise<void> = Promise.resolve();

  async load() {
    return { holders: [...this.holders.values()], superseded: this.superseded };
  }

  async save(change: RosterChange): Promise<void> {
    this.writes.push(change);
    await this.gate;
    for (const holder of change.holders) this.holders.set(holderKey(holder), holder);
    for (const holder of change.ended) this.holders.delete(holderKey(holder));
    this.superseded.push(...change.superseded);
  }

  async forgetSuperseded() {}
}

async function open(store = new HeldStore()) {
  const time = { now: at(100) };
  const bundle = () => ({ sequence: 1, anchors: ["0".repeat(64)] });
  const roster = await HolderRoster.open({ store, clock: { now: () => time.now }, bundle }, signal);
  return { roster, store, time };
}

const envoy = (pid: number, agentId = agent): Holder =>
  delivered(
    newHolder(
      { agentId, spiffeId: "spiffe://mesh.test/web", pid, startTime: "5", kind: "sds" },
      "envoy",
      at(1),
    ),
    { channel: "", name: "ROOTCA", content: { kind: "bundle", version: "v", anchors: [] } },
    at(1),
  );
const report = (...holders: Holder[]) => ({ ...nothing, holders: holders.map(toHolderRecord) });
const pids = (roster: HolderRoster) => roster.holders().map(({ pid }) => pid);

describe("a report", () => {
  test("is answered, and shown, only once it is durable", async () => {
    const { roster, store } = await open();
    const gate = Promise.withResolvers<void>();
    store.gate = gate.promise;
    let answered = false;
    const accepted = roster.accept(agent, report(envoy(1)), signal).then(() => {
      answered = true;
    });
    await expect.poll(() => store.writes.length).toBe(1);
    expect([answered, pids(roster)]).toEqual([false, []]);
    gate.resolve();
    await accepted;
    expect(pids(roster)).toEqual([1]);
  });

  test("that meets others is written with them, and all are answered", async () => {
    const { roster, store } = await open();
    const gate = Promise.withResolvers<void>();
    store.gate = gate.promise;
    const all = [1, 2, 3, 4].map((pid) => roster.accept(agent, report(envoy(pid)), signal));
    gate.resolve();
    await Promise.all(all);
    expect(store.writes.length).toBeLessThan(4);
    expect(pids(roster)).toEqual([1, 2, 3, 4]);
  });

  test("that cannot be stored is not taken, and the next one is", async () => {
    const { roster, store } = await open();
    store.gate = Promise.reject(new Fault("STORE_FAILED", "full"));
    await expect(roster.accept(agent, report(envoy(1)), signal)).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
    expect(pids(roster)).toEqual([]);
    store.gate = Promise.resolve();
    await roster.accept(agent, report(envoy(2)), signal);
    expect(pids(roster)).toEqual([2]);
  });

  test("ends a holder only when it says that the process is gone", async () => {
    const { roster, store } = await open();
    await roster.accept(agent, report(envoy(1), envoy(2)), signal);
    await roster.accept(agent, { ...report(), full: true }, signal);
    expect(roster.holders().map(({ secrets }) => secrets[0]?.left?.how)).toEqual(["closed", "closed"]);
    await roster.accept(agent, report(gone(envoy(2), at(3))), signal);
    expect(pids(roster)).toEqual([1]);
    expect(pids((await open(store)).roster)).toEqual([1]);
  });

  test("from a clock ahead of ours counts as now", async () => {
    const { roster } = await open();
    await roster.accept(agent, report({ ...envoy(1), lastSeenAt: at(900) }), signal);
    expect(roster.holders()[0]?.lastSeenAt).toEqual(at(100));
  });

  test.each([
    ["another agent's holder", report(envoy(1, "spiffe://mesh.test/meshmint/agent/join_token/n2"))],
    ["itself as a process", report({ ...envoy(1), kind: "server" })],
    ["a federated partner", report({ ...envoy(1), kind: "partner" })],
    ["a holder without a process", report({ ...envoy(1), pid: 0 })],
    [
      "anchors that are no hashes",
      { ...nothing, acceptance: { bundleSequence: "1", acceptedAnchors: ["x"] } },
    ],
    [
      "a sequence that is no number",
      { ...nothing, acceptance: { bundleSequence: "-1", acceptedAnchors: [] } },
    ],
    ["serials that are no serials", { ...nothing, supersededSerials: ["'; drop table"] }],
    ["too many serials", { ...nothing, servedSerials: new Array(100_001).fill("01") }],
  ])("with %s is refused", async (_what, message) => {
    const { roster, store } = await open();
    await expect(roster.accept(agent, message, signal)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(store.writes).toEqual([]);
  });

  test("of ever new processes is refused in the end, and what is held goes on", async () => {
    const { roster } = await open();
    const some = (from: number) =>
      report(...Array.from({ length: 10_000 }, (_, at) => ({ ...envoy(from + at), secrets: [] })));
    for (const from of [1, 10_001, 20_001, 30_001]) await roster.accept(agent, some(from), signal);
    await expect(roster.accept(agent, report(envoy(50_000)), signal)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await roster.accept(agent, report(envoy(1), gone(envoy(2), at(3))), signal);
    await roster.accept(agent, report(envoy(50_000)), signal);
    expect(roster.holders()).toHaveLength(40_000);
  });

  test("of any shape that the wire can carry is read or refused, never more", () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("0", "1", "9999999999999999", "HOLDER_KIND_SDS"));
    const record = fc.record({
      agentId: fc.constantFrom(agent, ""),
      spiffeId: text,
      pid: fc.nat(),
      startTime: text,
      kind: fc.constantFrom("HOLDER_KIND_SDS", "HOLDER_KIND_UNSPECIFIED"),
      label: text,
      secrets: fc.array(
        fc.record({
          ...Object.fromEntries(secretTexts.map((name) => [name, text])),
          kind: fc.constantFrom("SECRET_KIND_BUNDLE", "SECRET_KIND_LEAF", "SECRET_KIND_UNSPECIFIED"),
          grade: fc.constantFrom("GRADE_PROVED", "GRADE_UNSPECIFIED"),
          subscribed: fc.boolean(),
          acceptedAnchors: fc.array(text),
          deliveredAnchors: fc.array(text),
          liveAuthorities: fc.array(text),
        }),
        { maxLength: 3 },
      ),
      lastSeenMs: text,
      gone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 3 }), fc.array(text), (holders, serials) => {
        const message = {
          ...nothing,
          holders: holders as unknown as HolderRecord[],
          supersededSerials: serials,
        };
        try {
          for (const holder of readReport(agent, message).holders.values())
            expect(holder.agentId).toBe(agent);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: "INVALID_ARGUMENT" });
        }
      }),
    );
  });
});

const secretTexts = [
  "name",
  "channel",
  "deliveredVersion",
  "deliveredAtMs",
  "acknowledgedVersion",
  "acknowledgedAtMs",
  "deliveredSerial",
  "deliveredAuthority",
  "acknowledgedSerial",
  "acknowledgedAuthority",
  "refusal",
  "refusedAtMs",
  "deliveredNotAfterMs",
  "openedAtMs",
  "leftAtMs",
  "lastNotAfterMs",
];

describe("an agent", () => {
  test("is a holder from its first node SVID on, behind until it accepts its bundle", async () => {
    const { roster } = await open();
    await roster.nodeSvidIssued(agent, { serial: "01", authorityKeyId: "aa", notAfter: at(9) }, signal);
    const given = roster.holders()[0]?.secrets.find(({ kind }) => kind === "bundle");
    expect(given).toMatchObject({ acknowledged: undefined, acceptedAnchors: [] });
    const acceptance = { bundleSequence: "1", acceptedAnchors: ["0".repeat(64)] };
    await roster.accept(agent, { ...nothing, acceptance }, signal);
    const taken = roster.holders()[0]?.secrets.find(({ kind }) => kind === "bundle");
    expect(taken).toMatchObject({
      acceptedAnchors: ["0".repeat(64)],
      acknowledged: { grade: "acknowledged" },
    });
  });

  test("releases leaves by name, or by what it can still serve, and only its own", async () => {
    const { roster, time } = await open();
    const leaf = (serial: string, requester = agent) => ({ serial, requester, issuedAt: at(0) });
    await roster.accept(agent, { ...nothing, supersededSerials: ["01"] }, signal);
    expect([leaf("01"), leaf("01", "other"), leaf("02")].map((one) => roster.isSuperseded(one))).toEqual([
      true,
      false,
      false,
    ]);
    time.now = at(61);
    await roster.accept(agent, { ...nothing, full: true, servedSerials: ["03"] }, signal);
    expect(roster.isSuperseded(leaf("02"))).toBe(true);
    expect(roster.isSuperseded(leaf("03"))).toBe(false);
    expect(roster.isSuperseded({ ...leaf("04"), issuedAt: at(1) })).toBe(false); // may still be on its way
  });

  test("is in contact while connected, and was until it left", async () => {
    const { roster, time } = await open();
    roster.connected(agent);
    time.now = at(200);
    expect(roster.agentsSeenAt().get(agent)).toEqual(at(200));
    roster.disconnected(agent);
    time.now = at(300);
    expect(roster.agentsSeenAt().get(agent)).toEqual(at(200));
  });
});

test("nothing but public facts of the server's certificate is kept", async () => {
  const { roster, store } = await open();
  const own = { serial: "01", authorityKeyId: "aa", notAfter: at(9), privateKey: new Uint8Array([1, 2, 3]) };
  await roster.serverServes("spiffe://mesh.test/meshmint/server", own, signal);
  await roster.serverServes("spiffe://mesh.test/meshmint/server", { ...own, serial: "02" }, signal);
  expect(JSON.stringify([...store.holders.values()])).not.toContain("privateKey");
  expect(store.superseded.map(({ serial }) => serial)).toEqual(["01"]);
});

test("a certificate of the server's own from before it started is out of use, presented or not, once it presents another", async () => {
  const { store } = await open();
  const { roster, time } = await open(store);
  const requester = "spiffe://mesh.test/meshmint/server";
  const [lost, mine] = [
    { requester, serial: "01", issuedAt: at(99) },
    { requester, serial: "02", issuedAt: at(101) },
  ];
  expect(roster.isSuperseded(lost)).toBe(false);
  time.now = at(102);
  await roster.serverServes(requester, { serial: "03", authorityKeyId: "bb", notAfter: at(900) }, signal);
  expect([lost, mine].map((leaf) => roster.isSuperseded(leaf))).toEqual([true, false]);
  expect(roster.isSuperseded({ ...lost, requester: agent })).toBe(false);
});
