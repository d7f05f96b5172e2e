/** Bans, evictions and lifted bans: who is let in with which certificate, over a restart too. */
import { expect, test } from "vitest";
import { SqlAgentStore } from "../../../src/backends/store/agent-store.ts";
import { AgentDirectory } from "../../../src/control/enrolment/agent-directory.ts";
import { reusableProof } from "../../../src/control/enrolment/attestor.ts";
import { NodeEnrolment, type NodeSvidMinter } from "../../../src/control/enrolment/node-enrolment.ts";
import type { LedgerEvent } from "../../../src/control/ledger/ledger-writer.ts";
import { leafBackdate } from "../../../src/domain/certificate/validity.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import { toMs } from "../../../src/foundation/duration.ts";
import { ok, refused } from "../../../src/foundation/result.ts";
import { openStoreIn, temporaryFolder } from "./temporary-store.ts";

const { signal } = new AbortController();
const act = { actor: "unix:uid=0", signal };
const node = "spiffe://mesh.example/meshmint/agent/x509pop/n1" as SpiffeId;
const nobody = "spiffe://mesh.example/meshmint/agent/x509pop/n2" as SpiffeId;

async function openScene() {
  const database = await openStoreIn(temporaryFolder());
  const time = { now: new Date("2026-11-28T12:00:00.400Z") };
  const clock = { now: () => time.now };
  const events: LedgerEvent[] = [];
  const ledger = { recordEvent: async (event: LedgerEvent) => void events.push(event) };
  const load = () => AgentDirectory.load({ store: new SqlAgentStore({ database }), ledger, clock }, signal);
  const directory = await load();
  let serial = 0;
  let meanwhile: () => Promise<unknown> = async () => undefined;
  const mint: NodeSvidMinter["admitNode"] = async () => {
    serial += 1;
    await meanwhile();
    return ok({ chain: [], authorityKeyId: "aa", serial: `008${serial}`, notAfter: new Date() });
  };
  const attestor = { name: "x509pop", attest: async () => ok(reusableProof(node)) };
  const minter = { admitNode: mint, renewNode: mint };
  const enrolment = new NodeEnrolment({ attestors: [attestor], directory, minter, ledger, clock });
  /** As a certificate shows it: its beginning backdated, whole seconds, the serial without a sign byte. */
  const shown = () => ({
    serial: `8${serial}`,
    notBefore: new Date(Math.floor(time.now.getTime() / 1000) * 1000 - toMs(leafBackdate)),
  });
  const attest = async () => {
    const challenge = async () => refused("nobody is asked");
    const evidence = { payload: new Uint8Array(), csr: new Uint8Array(), challenge };
    const outcome = await enrolment.attest({ attestor: "x509pop", ...evidence, source: "10.0.0.1" }, signal);
    return outcome.ok ? shown() : undefined;
  };
  return {
    ...{ directory, load, enrolment, events, attest },
    pass: (ms: number) => {
      time.now = new Date(time.now.getTime() + ms);
    },
    whileMinting: (what: () => Promise<unknown>) => {
      meanwhile = what;
    },
    renew: async () => (await enrolment.renewNode(node, new Uint8Array(), signal)).ok,
  };
}
const must = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error("the node was refused");
  return value;
};

test("NA7: a banned agent may not act, renew or attest, and its streams end; the ban survives a restart", async () => {
  const { directory, attest, renew, load, events } = await openScene();
  const svid = must(await attest());
  expect(directory.admits(node, svid)).toBe(true);
  const ended: string[] = [];
  directory.onExpelled((agent) => ended.push(agent));
  expect(await directory.ban(node, "stolen", act)).toMatchObject({ ok: true });
  expect([ended, directory.admits(node, svid), await renew()]).toEqual([[node], false, false]);
  expect(await attest()).toBeUndefined();
  expect(events.at(-1)).toMatchObject({
    kind: "agent.attestation-refused",
    detail: { reason: "the agent is banned" },
  });
  expect((await load()).admits(node, svid)).toBe(false);
  expect(await directory.evict(node, "again", act)).toEqual({ ok: false, error: "banned" });
  expect(await directory.ban(nobody, "", act)).toEqual({ ok: false, error: "not-found" });
});

test("NA7: an evicted agent attests again; what it had counts no more, whoever shows it, over a restart too", async () => {
  const { directory, attest, renew, load, pass, events } = await openScene();
  const stolen = must(await attest());
  pass(100);
  const ended: string[] = [];
  directory.onExpelled((agent) => ended.push(agent));
  expect(await directory.evict(node, "moved", act)).toMatchObject({ ok: true });
  expect(events.at(-1)).toMatchObject({
    kind: "agent.evict",
    actor: act.actor,
    detail: { agent: node, reason: "moved" },
  });
  expect([ended, directory.admits(node, stolen), await renew()]).toEqual([[node], false, false]);
  pass(100);
  const fresh = must(await attest()); // within the same second as what was stolen
  for (const known of [directory, await load()]) {
    expect([known.admits(node, fresh), known.admits(node, stolen)]).toEqual([true, false]);
  }
  expect(await renew()).toBe(true);
});

test("NA7: of older certificates none counts after an eviction", async () => {
  const { directory, attest, renew, pass } = await openScene();
  const oldest = must(await attest());
  pass(3_600_000);
  expect(await renew()).toBe(true);
  pass(1000);
  await directory.evict(node, "moved", act);
  pass(1000);
  must(await attest());
  expect(directory.admits(node, oldest)).toBe(false);
});

test("NA7: a lifted ban lets the agent attest, and nothing else", async () => {
  const { directory, attest, load, pass } = await openScene();
  const stolen = must(await attest());
  expect(await directory.unban(node, "mistake", act)).toEqual({ ok: false, error: "not-banned" });
  await directory.ban(node, "stolen", act);
  pass(5000);
  expect(await directory.unban(node, "mistake", act)).toMatchObject({ ok: true });
  expect([directory.isIn(node), directory.admits(node, stolen)]).toEqual([false, false]);
  pass(10);
  const fresh = must(await attest());
  const restarted = await load();
  expect([restarted.admits(node, fresh), restarted.admits(node, stolen)]).toEqual([true, false]);
});

test.each(["ban", "evict"] as const)(
  "NA7: a renewal that was under way when a %s came is not handed out",
  async (verdict) => {
    const { directory, attest, renew, whileMinting, pass } = await openScene();
    must(await attest());
    pass(2000);
    whileMinting(() => directory[verdict](node, "stolen", act));
    expect(await renew()).toBe(false);
  },
);
