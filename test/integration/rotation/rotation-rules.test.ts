import assert from "node:assert/strict";
import { test } from "vitest";
import { ProxyPicture } from "../../../src/control/rotation/proxy-list.ts";
import type { RotationStatus } from "../../../src/control/rotation/rotation-status.ts";
import { defaultAcceptancePolicy } from "../../../src/domain/trust/acceptance-policy.ts";
import { madeLeaf } from "../../contract/ledger/made-leaf.ts";
import { actor, anchored, must, refusal, see, setUp } from "./rotation-parts.ts";
import { signal } from "./rotation-rig.ts";

test("of two operators who activate at once one wins, on one server or on two", async () => {
  const { rig, server } = await anchored();
  const rival = await rig.serve();
  const act = see(server);
  const outcomes = await Promise.all([
    server.driver.activate(act, signal),
    server.driver.activate({ ...act, actor: "unix:uid=1001" }, signal),
    rival.driver.activate({ ...act, actor: "unix:uid=1002" }, signal),
  ]);
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
  for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error.code, "stale-revision");
  assert.equal(rival.picture.activeKeyId(), rig.next.authority.keyId);
});

test("activation is refused while an Envoy refuses the new root, and its words are shown", async () => {
  const { rig, server, agent } = await setUp();
  must(await server.driver.start(rig.offered, see(server), signal));
  const bundle = server.picture.bundle();
  await agent.accept(server.roster, bundle);
  await agent.serve(server.roster, 11, { bundle });
  await agent.refuse(server.roster, 12, bundle);
  const error = refusal(await server.driver.activate(see(server), signal));
  assert.match(
    error.message,
    /envoy-12 .* refused ROOTCA with the new root 0 s ago: "Failed to load trusted CA"/,
  );
  assert.doesNotMatch(error.message, /envoy-11/);
  await agent.exit(server.roster, 12);
  assert.equal(must(await server.driver.activate(see(server), signal)).phase, "reissuing");
});

test("an agent that is away keeps its holders, until their last SVID has ended", async () => {
  const { rig, server, agent } = await anchored();
  const away = rig.agent("n2");
  await away.renewNode(server.roster, rig.old.authority);
  const old = { ...server.picture.bundle(), anchors: [rig.old.root] };
  await away.serve(server.roster, 30, { bundle: old, authority: rig.old.authority });
  const blocked = refusal(await server.driver.activate(see(server), signal));
  assert.match(blocked.message, /envoy-30 .*; and|envoy-30/);
  rig.pass(3600 + 299);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.old.authority });
  await agent.renewNode(server.roster, rig.old.authority);
  assert.equal(refusal(await server.driver.activate(see(server), signal)).code, "behind");
  rig.pass(1);
  assert.equal(must(await server.driver.activate(see(server), signal)).phase, "reissuing");
});

test("a barrier that opens and shuts again takes the phase back after a while, and activation at once", async () => {
  const { rig, server, agent } = await anchored();
  const old = { ...server.picture.bundle(), anchors: [rig.old.root] };
  await agent.serve(server.roster, 13, { bundle: old, authority: rig.old.authority });
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "anchored");
  assert.equal(refusal(await server.driver.activate(see(server), signal)).code, "behind");
  rig.pass(10);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "distributing");
});

test("nothing is retired while an intent of the old authority is open", async () => {
  const { rig, server, agent } = await anchored();
  const late = madeLeaf(rig.old.authority.keyId, {
    requester: agent.id,
    spiffeId: "spiffe://mesh.test/late",
    at: rig.clock.now(),
  });
  await rig.intend(late);
  const activated = must(await server.driver.activate(see(server), signal));
  assert.deepEqual(activated.obstacles, [
    "the old authority is not closed yet, or still has requests under way",
  ]);
  assert.equal(refusal(await server.driver.retire({ ...see(server), strict: false }, signal)).code, "behind");
  await rig.end(late);
  await server.driver.observe(signal);
  assert.deepEqual(server.driver.status().obstacles, []);
  assert.equal(server.driver.status().leavesOutstanding, 4);
});

test("leaves of an agent that restarted are released by what it serves now", async () => {
  const { rig, server, agent } = await anchored();
  const lost = madeLeaf(rig.old.authority.keyId, {
    requester: agent.id,
    spiffeId: "spiffe://mesh.test/job",
    at: rig.clock.now(),
  });
  await rig.issue(lost);
  must(await server.driver.activate(see(server), signal));
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  rig.pass(59);
  await server.roster.accept(agent.id, agent.fullReport(), signal);
  assert.equal(refusal(await server.driver.retire({ ...see(server), strict: false }, signal)).code, "behind");
  rig.pass(2);
  await server.roster.accept(agent.id, agent.fullReport(), signal);
  assert.equal(must(await server.driver.retire({ ...see(server), strict: false }, signal)).phase, "done");
});

test("the server's own certificate is a leaf like others", async () => {
  const { rig, server, agent } = await anchored();
  const id = "spiffe://mesh.test/meshmint/server";
  const own = (keyId: string) =>
    madeLeaf(keyId, { requester: id, spiffeId: id, entryId: "", at: rig.clock.now() });
  const [before, after] = [own(rig.old.authority.keyId), own(rig.next.authority.keyId)];
  await rig.issue(before);
  await server.roster.serverServes(id, before.intent, signal);
  must(await server.driver.activate(see(server), signal));
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  rig.pass(10);
  const error = refusal(await server.driver.retire({ ...see(server), strict: false }, signal));
  assert.match(error.message, /the certificate of spiffe:\/\/mesh\.test\/meshmint\/server/);
  await rig.issue(after);
  await server.roster.serverServes(id, after.intent, signal);
  assert.equal(must(await server.driver.retire({ ...see(server), strict: false }, signal)).phase, "done");
});

test("the cross-certificate rides in chains while some holder has not acknowledged the root that signs", async () => {
  const { rig, server, agent } = await anchored();
  must(await server.driver.activate(see(server), signal));
  const crossNow = () => must(mapError(server.picture.current())).crossCertificates;
  assert.deepEqual(crossNow(), []);
  const old = { ...server.picture.bundle(), anchors: [rig.old.root] };
  await agent.serve(server.roster, 13, { bundle: old, authority: rig.next.authority });
  await server.driver.observe(signal);
  assert.deepEqual(crossNow(), [rig.cross]);
  await agent.serve(server.roster, 13, { bundle: server.picture.bundle() });
  await server.driver.observe(signal);
  assert.deepEqual(crossNow(), []);
  assert.deepEqual(server.picture.listenerCrossCertificates(rig.next.authority.keyId), [rig.cross]);
});

const mapError = <T>(result: { ok: true; value: T } | { ok: false; error: string }) =>
  result.ok ? result : { ok: false as const, error: { message: result.error } };

test("the list of proxies says who is behind and why, and goes on after a restart", async () => {
  const { rig, server, agent } = await setUp();
  must(await server.driver.start(rig.offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  await agent.serve(server.roster, 11, { bundle: server.picture.bundle() });
  const { picture, roster, quarantines } = await rig.serve();
  const policy = defaultAcceptancePolicy;
  const proxies = new ProxyPicture({ picture, roster, quarantines, policy, clock: rig.clock });
  const lagging = proxies.list({ laggingOnly: true });
  assert.deepEqual(
    lagging.proxies.map(({ holder, reasons }) => [
      holder.label,
      reasons.map((reason) => reason.replace(/\d+ s/, "N s")),
    ]),
    [["envoy-12", ["still has ROOTCA without the new root, given N s ago"]]],
  );
  assert.equal(lagging.bundleSequence, 2);
  assert.equal(proxies.list({ laggingOnly: false }).proxies.length, 3);
});

test("verbs out of their turn are refused by name", async () => {
  const { rig, server } = await setUp();
  const wrong = refusal(await server.driver.activate(see(server), signal));
  assert.deepEqual(
    [wrong.code, wrong.message],
    ["wrong-phase", 'activate goes from "anchored"; the phase is "idle"'],
  );
  assert.equal(
    refusal(await server.driver.retire({ ...see(server), strict: false }, signal)).code,
    "wrong-phase",
  );
  const stale = refusal(await server.driver.start(rig.offered, { actor, expectedRevision: 7 }, signal));
  assert.match(stale.message, /at revision 1, not 7/);
  must(await server.driver.start(rig.offered, see(server), signal));
  assert.match(
    refusal(await server.driver.start(rig.offered, see(server), signal)).message,
    /is under way \(distributing\)/,
  );
});

test("the driver goes on by itself while it runs", async () => {
  const { rig, server, agent } = await setUp();
  const stop = new AbortController();
  const running = server.driver.run(stop.signal);
  must(await server.driver.start(rig.offered, see(server), signal));
  const arrived = new Promise<RotationStatus>((resolve) => {
    const end = server.picture.onChange(() => {
      if (server.picture.state.rotation.phase !== "anchored") return;
      end();
      resolve(server.driver.status());
    });
  });
  await agent.accept(server.roster, server.picture.bundle());
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle: server.picture.bundle() });
  assert.equal((await arrived).phase, "anchored");
  stop.abort();
  await running;
});
