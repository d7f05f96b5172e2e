/** Cohorts, and what makes a rotation stop or turn back by itself; real store, real ledger, a clock that the test moves. */
import assert from "node:assert/strict";
import { test } from "vitest";
import type { CohortPlan } from "../../../src/domain/trust/cohorts.ts";
import { minutes, seconds } from "../../../src/foundation/duration.ts";
import type { FakeAgent } from "../../fakes/fake-agent.ts";
import { must, refusal, see } from "./rotation-parts.ts";
import { RotationRig, type Server, signal } from "./rotation-rig.ts";

const canaryFirst: CohortPlan = { rules: [{ label: "canary", value: "yes" }], soak: minutes(1) };

/** A canary node and another, each with two Envoys that hold leaf and bundle of the old root. */
async function setUp() {
  const rig = await RotationRig.open();
  const server = await rig.serve();
  const [canary, other] = [rig.agent("canary"), rig.agent("other")];
  rig.nodeLabels.set(canary.id, ["canary=yes"]);
  for (const agent of [canary, other]) {
    server.roster.connected(agent.id);
    await agent.renewNode(server.roster, rig.old.authority);
    await agent.accept(server.roster, server.picture.bundle());
    for (const pid of [11, 12]) {
      await agent.serve(server.roster, pid, {
        bundle: server.picture.bundle(),
        authority: rig.old.authority,
      });
    }
  }
  rig.pass(60);
  return { rig, server, canary, other };
}

type Parts = Awaited<ReturnType<typeof setUp>>;

const started = async ({ rig, server }: Parts, cohorts: CohortPlan | "none" = canaryFirst) =>
  must(await server.driver.start({ ...rig.offered, cohorts }, see(server), signal));
const anchorsFor = (server: Server, agent: FakeAgent) => server.handOut.bundleFor(agent.id).anchors.length;
const statesOf = (server: Server) => server.driver.status().cohorts.map(({ state }) => state);

async function takeBundle(server: Server, agent: FakeAgent): Promise<void> {
  const bundle = server.handOut.bundleFor(agent.id);
  await agent.accept(server.roster, bundle);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle });
}

async function takeLeaves({ rig, server }: Parts, agent: FakeAgent): Promise<void> {
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
}

/** Lets time pass as the server sees it: a look every ten seconds. */
async function pass({ rig, server }: Parts, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 10) {
    rig.pass(10);
    await server.driver.observe(signal);
  }
}

test("R20: a cohort has its turn when the one before has taken everything and soaked, with the root and with the certificates", async () => {
  const parts = await setUp();
  const { rig, server, canary, other } = parts;
  await started(parts);
  assert.deepEqual([anchorsFor(server, canary), anchorsFor(server, other)], [2, 1]);
  assert.equal(server.handOut.bundleFor(other.id).sequence, 1);
  await pass(parts, 120);
  assert.deepEqual(statesOf(server), ["open", "to-come"], "nobody has taken it yet");
  await takeBundle(server, canary);
  await pass(parts, 60);
  assert.deepEqual(statesOf(server), ["through", "to-come"]);
  assert.match(
    server.driver
      .status()
      .laggards.map(({ reason }) => reason)
      .join("\n"),
    /waits for the turn of cohort 2 of 2 \(all others\)/,
  );
  assert.match(
    refusal(await server.driver.activate(see(server), signal)).message,
    /still has ROOTCA without/,
  );

  // The turn is stored: another server goes on with it.
  const again = { ...parts, server: await rig.serve() };
  for (const agent of [canary, other]) again.server.roster.connected(agent.id);
  assert.deepEqual(statesOf(again.server), ["through", "to-come"]);
  await pass(again, 20);
  assert.deepEqual(statesOf(again.server), ["done", "open"]);
  assert.equal(anchorsFor(again.server, other), 2);
  await takeBundle(again.server, other);
  await pass(again, 10);
  assert.equal(again.server.driver.status().phase, "anchored", "the last one does not soak");

  must(await again.server.driver.activate(see(again.server), signal));
  const next = rig.next.authority.keyId;
  assert.equal(again.server.handOut.authorityFor(canary.id), next);
  assert.equal(again.server.handOut.authorityFor(other.id), undefined);
  assert.equal(anchorsFor(again.server, other), 2);
  await takeLeaves(again, canary);
  await pass(again, 60);
  assert.equal(again.server.handOut.authorityFor(other.id), undefined);
  await pass(again, 30);
  assert.equal(again.server.handOut.authorityFor(other.id), next);
  await takeLeaves(again, other);
  await pass(again, 20);
  assert.equal(again.server.driver.status().phase, "reissued");
  must(await again.server.driver.retire({ ...see(again.server), strict: false }, signal));
});

test("R21: two processes that refuse the new root turn the rotation back, and whoever had not had his turn never sees it", async () => {
  const parts = await setUp();
  const { rig, server, canary, other } = parts;
  await started(parts);
  await canary.accept(server.roster, server.handOut.bundleFor(canary.id));
  await canary.refuse(server.roster, 11, server.picture.bundle());
  await pass(parts, 20);
  assert.equal(server.driver.status().phase, "distributing", "one alone may be an accident");
  await canary.refuse(server.roster, 12, server.picture.bundle());
  await pass(parts, 10);
  const status = server.driver.status();
  assert.deepEqual([status.phase, status.rolledBackBy], ["idle", "server"]);
  assert.match(
    status.rollbackReason,
    /^2 of 2 processes of cohort 1 of 2 \(canary=yes\) fail since it began: envoy-1/,
  );
  assert.match(status.rollbackReason, /refused ROOTCA \d+ s ago: "Failed to load trusted CA"/);
  assert.deepEqual(server.picture.bundle().anchors, [rig.old.root]);
  assert.deepEqual([anchorsFor(server, other), server.picture.bundle().sequence], [1, 3]);
  const alarms = rig.events.filter(({ kind }) => kind === "alarm");
  assert.deepEqual(
    alarms.map((one) => one.kind === "alarm" && one.remedy),
    ["roll-back"],
  );
  const step = rig.recorded.find(({ detail }) => detail.to === "rolling-back");
  assert.equal(step?.actor, "server");
});

test("R21: without cohorts the fleet is one, and five percent of it are enough", async () => {
  const parts = await setUp();
  const { server, canary, other } = parts;
  await started(parts, "none");
  assert.deepEqual([anchorsFor(server, canary), anchorsFor(server, other)], [2, 2]);
  await canary.refuse(server.roster, 11, server.picture.bundle());
  await other.refuse(server.roster, 11, server.picture.bundle());
  await pass(parts, 10);
  assert.match(server.driver.status().rollbackReason, /^2 of 4 processes of the mesh fail/);
});

test("R21: who refused everything before says nothing about the rotation", async () => {
  const parts = await setUp();
  const { server, canary } = parts;
  for (const pid of [21, 22]) await canary.refuse(server.roster, pid, server.picture.bundle());
  await started(parts);
  await canary.accept(server.roster, server.picture.bundle());
  for (const pid of [21, 22]) await canary.refuse(server.roster, pid, server.picture.bundle());
  await pass(parts, 100);
  assert.equal(server.driver.status().phase, "distributing");
});

test("R22: a cohort that does not come through in time pauses the rotation and is named; resumed, it has its time anew", async () => {
  const parts = await setUp();
  const { server, canary, other } = parts;
  await started(parts);
  await canary.accept(server.roster, server.handOut.bundleFor(canary.id));
  await canary.serve(server.roster, 11, { bundle: server.picture.bundle() });
  await pass(parts, 590);
  assert.equal(server.driver.status().paused, false);
  await pass(parts, 10);
  const { paused, pausedBy, pausedReason, phase } = server.driver.status();
  assert.deepEqual([paused, pausedBy, phase], [true, "server", "distributing"]);
  assert.match(
    pausedReason,
    /^cohort 1 of 2 \(canary=yes\) is not through after 10m: envoy-12 .* still has ROOTCA without the new root/,
  );
  assert.equal(anchorsFor(server, other), 1);
  must(await server.driver.resume(see(server), signal));
  await pass(parts, 500);
  assert.equal(server.driver.status().paused, false);
  // Who is away, or in quarantine, is not waited for by the cohort.
  server.roster.disconnected(canary.id);
  await pass(parts, 80);
  assert.deepEqual(statesOf(server), ["done", "open"]);
});

const trouble = (kind: "handshakes" | "probe", since: Date) => ({
  kind,
  since,
  reason: `has trouble with ${kind}`,
});

test("R23: failing probes turn it back, failing handshakes pause it, and neither counts from before", async () => {
  const parts = await setUp();
  const { rig, server, canary } = parts;
  const before = rig.clock.now();
  rig.pass(10);
  await started(parts);
  for (const pid of [11, 12]) await canary.suffer(server.roster, pid, [trouble("probe", before)]);
  await pass(parts, 10);
  assert.equal(server.driver.status().phase, "distributing");
  for (const pid of [11, 12])
    await canary.suffer(server.roster, pid, [trouble("handshakes", rig.clock.now())]);
  await pass(parts, 10);
  const { paused, pausedReason } = server.driver.status();
  assert.equal(paused, true);
  assert.match(pausedReason, /^2 of 2 processes of cohort 1 .* has trouble with handshakes/);
  must(await server.driver.resume(see(server), signal));
  await pass(parts, 50);
  assert.equal(server.driver.status().paused, false, "the operator has judged what showed before");
  for (const pid of [11, 12]) await canary.suffer(server.roster, pid, [trouble("probe", rig.clock.now())]);
  await pass(parts, 10);
  assert.equal(server.driver.status().phase, "idle");
});

test("R23: where there is no safe way back it stops and says why", async () => {
  const parts = await setUp();
  const { rig, server, canary, other } = parts;
  await started(parts, "none");
  for (const agent of [canary, other]) await takeBundle(server, agent);
  await pass(parts, 10);
  must(await server.driver.activate(see(server), signal));
  rig.signer.remove(rig.old);
  for (const pid of [11, 12]) await canary.suffer(server.roster, pid, [trouble("probe", rig.clock.now())]);
  await pass(parts, 10);
  const { phase, paused, pausedReason } = server.driver.status();
  assert.deepEqual([phase, paused], ["reissuing", true]);
  assert.match(pausedReason, /has trouble with probe.*It does not go back by itself: /);
});

test("a cohort of a label that nobody has is refused by name, and a node keeps the new root whatever its labels say then", async () => {
  const parts = await setUp();
  const { rig, server, canary } = parts;
  const unknown: CohortPlan = { ...canaryFirst, rules: [{ label: "canari", value: "yes" }] };
  const refused = refusal(
    await server.driver.start({ ...rig.offered, cohorts: unknown }, see(server), signal),
  );
  assert.match(refused.message, /no registration entry has the label canari=yes/);
  await started(parts);
  await takeBundle(server, canary);
  rig.nodeLabels.set(canary.id, []);
  assert.equal(anchorsFor(server, canary), 2);
});

test("R13, R20: a plan shows each cohort and what its soak time adds; during the rotation, what is left of it", async () => {
  const parts = await setUp();
  const { rig, server, canary } = parts;
  const pace = { reissueSpread: seconds(30), signaturesPerSecond: undefined };
  const plan = async (offered?: Parameters<Server["driver"]["start"]>[0]) =>
    must(await server.driver.forecast({ ...pace, offered }, signal));
  const empty: CohortPlan = {
    rules: [...canaryFirst.rules, { label: "canary", value: "no" }],
    soak: minutes(1),
  };
  rig.nodeLabels.set("nobody", ["canary=no"]);
  const foreseen = await plan({ ...rig.offered, cohorts: empty });
  assert.deepEqual(
    foreseen.cohorts.map(({ name, state, nodes, holders }) => [name, state, nodes, holders]),
    [
      ["canary=yes", "to-come", 1, 3],
      ["canary=no", "to-come", 0, 0],
      ["all others", "to-come", 1, 3],
    ],
  );
  assert.deepEqual([foreseen.soak, foreseen.steps[1]?.expected, foreseen.steps[3]?.expected], [60, 60, 130]);
  const atOnce = await plan({ ...rig.offered, cohorts: "none" });
  assert.deepEqual([atOnce.cohorts, atOnce.steps[1]?.expected, atOnce.steps[3]?.expected], [[], 0, 40]);
  const unknown = { ...canaryFirst, rules: [{ label: "canary", value: "typo" }] } as const;
  const refused = await plan({ ...rig.offered, cohorts: unknown });
  assert.match(refused.refusals.join(), /no registration entry has the label canary=typo/);

  await started(parts);
  assert.equal(server.driver.status().soaksEndMs, rig.clock.now().getTime() + 60_000);
  await takeBundle(server, canary);
  await pass(parts, 20);
  const half = await plan();
  assert.deepEqual(
    half.cohorts.map(({ state }) => state),
    ["through", "to-come"],
  );
  assert.equal(half.steps[1]?.expected, 50, "it was through at the first look");
  assert.equal(server.driver.status().soaksEndMs, rig.clock.now().getTime() + 50_000);
  await pass(parts, 50);
  assert.deepEqual([(await plan()).steps[1]?.expected, server.driver.status().soaksEndMs], [0, 0]);
});
