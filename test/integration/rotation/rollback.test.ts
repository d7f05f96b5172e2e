import assert from "node:assert/strict";
import { test } from "vitest";
import { madeLeaf } from "../../contract/ledger/made-leaf.ts";
import { activated, actor, anchored, must, refusal, see, setUp } from "./rotation-parts.ts";
import { type Server, signal } from "./rotation-rig.ts";

const reason = "api refuses everything since the activation";
const back = (server: Server, change: { force?: boolean } = {}) =>
  server.driver.rollback({ ...see(server), reason, force: false, ...change }, signal);

test("R1: before the activation a roll-back ends at once, and the same authority can be started again", async () => {
  const { rig, server, agent } = await anchored();
  const done = must(await back(server));
  assert.deepEqual(
    [done.phase, done.rollbackReason, done.rolledBackBy, done.bundleSequence],
    ["idle", reason, actor, 3],
  );
  assert.deepEqual(server.picture.bundle().anchors, [rig.old.root]);
  assert.equal(server.picture.activeKeyId(), rig.old.authority.keyId);
  assert.equal(server.picture.isOpen(rig.next.authority.keyId), false);

  const again = await rig.serve();
  assert.equal(again.driver.status().rollbackReason, reason);
  await agent.accept(again.roster, again.picture.bundle());
  for (const pid of [11, 12]) await agent.serve(again.roster, pid, { bundle: again.picture.bundle() });
  must(await again.driver.start(rig.offered, see(again), signal));
  assert.equal(again.driver.status().rollbackReason, "");
  assert.equal(again.picture.bundle().sequence, 4);
  const late = refusal(await again.driver.activate(see(again), signal));
  assert.match(late.message, /envoy-11 .* still has ROOTCA without the new root/);
  await agent.accept(again.roster, again.picture.bundle());
  for (const pid of [11, 12]) await agent.serve(again.roster, pid, { bundle: again.picture.bundle() });
  assert.equal(must(await again.driver.activate(see(again), signal)).phase, "reissuing");
});

test("R2: from the middle of the reissue the old authority signs again, through a restart at each step", async () => {
  const { rig, server: first, agent } = await activated();
  await agent.renewNode(first.roster, rig.next.authority);
  await agent.serve(first.roster, 11, { authority: rig.next.authority });
  const rolling = must(await back(first));
  assert.equal(rolling.phase, "rolling-back");
  assert.equal(first.picture.activeKeyId(), rig.old.authority.keyId);
  assert.equal(first.picture.isOpen(rig.next.authority.keyId), false);
  assert.equal(rolling.leavesOutstanding, 2);
  assert.match(
    rolling.laggards[0]?.reason ?? "",
    /still has default 01[0-9a-f]+ of the new authority, given 0 s ago/,
  );
  assert.equal(must(await back(first)).revision, rolling.revision, "asked again it changes nothing");

  const second = await rig.serve();
  await second.driver.observe(signal);
  assert.equal(second.driver.status().phase, "rolling-back");
  assert.deepEqual(second.picture.bundle().anchors, [rig.next.root, rig.old.root]);
  await agent.renewNode(second.roster, rig.old.authority);
  await agent.serve(second.roster, 11, { authority: rig.old.authority });
  await second.driver.observe(signal);
  assert.match(second.driver.status().laggards[0]?.reason ?? "", /took its new default 0 s ago/);
  rig.pass(10);

  const third = await rig.serve();
  await third.driver.observe(signal);
  assert.equal(third.driver.status().phase, "idle");
  assert.equal(third.driver.status().bundleSequence, 3);
  assert.deepEqual(third.picture.bundle().anchors, [rig.old.root]);
  assert.deepEqual(
    rig.recorded
      .filter(({ kind }) => kind === "rotation.step")
      .map(({ detail }) => `${detail.from} > ${detail.to}`)
      .slice(-3),
    ["reissuing > rolling-back", "rolling-back > rolling-back", "rolling-back > idle"],
  );
  const step = rig.recorded.find(({ detail }) => detail.to === "rolling-back");
  assert.deepEqual(
    [step?.actor, step?.detail.reason, step?.detail.reopened, step?.detail.signs],
    [actor, reason, rig.old.authority.keyId, rig.old.authority.keyId],
  );
});

test("R2: killed at any moment of a roll-back it goes on, with one authority that signs and the other closed", async () => {
  const reached = new Set<string>();
  for (let step = 1; ; step += 1) {
    const { rig, server, agent } = await activated();
    await agent.serve(server.roster, 11, { authority: rig.next.authority });
    rig.dieAt(step);
    const outcome = await back(server).catch((thrown: Error) => thrown);
    rig.dieAt(0);
    const next = await rig.serve();
    reached.add(next.driver.status().phase);
    must(await back(next));
    const { active, standby } = next.picture.state.authorities;
    assert.deepEqual([active.keyId, standby], [rig.old.authority.keyId, []]);
    assert.equal(next.picture.isOpen(rig.next.authority.keyId), false);
    await agent.serve(next.roster, 11, { authority: rig.old.authority });
    rig.pass(10);
    await next.driver.observe(signal);
    assert.equal(next.driver.status().phase, "idle");
    assert.deepEqual(next.picture.bundle().anchors, [rig.old.root]);
    if (!(outcome instanceof Error)) break;
  }
  assert.deepEqual([...reached].toSorted(), ["reissuing", "rolling-back"]);
}, 60_000);

test("after a roll-back the old authority's later leaves count in the next rotation, the first ones not twice", async () => {
  const { rig, server, agent } = await activated();
  must(await back(server));
  assert.equal(server.driver.status().phase, "idle"); // nobody had a leaf of the new one yet
  const late = madeLeaf(rig.old.authority.keyId, {
    requester: agent.id,
    spiffeId: "spiffe://mesh.test/late",
    at: rig.clock.now(),
  });
  await rig.issue(late);
  must(await server.driver.start(rig.offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle: server.picture.bundle() });
  const again = must(await server.driver.activate(see(server), signal));
  assert.equal(again.leavesOutstanding, 4);
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  rig.pass(10);
  const held = refusal(await server.driver.retire({ ...see(server), strict: false }, signal));
  assert.match(held.message, /the certificate of spiffe:\/\/mesh\.test\/late/);
  assert.equal(rig.recorded.filter(({ kind }) => kind === "authority.closed").length, 3);
});

test("R3: while somebody does not accept the old root it does not sign again, unless that is forced", async () => {
  const { rig, server, agent } = await activated();
  const narrow = { ...server.picture.bundle(), anchors: [rig.next.root] };
  await agent.serve(server.roster, 13, { bundle: narrow, authority: rig.next.authority });
  const error = refusal(await back(server));
  assert.equal(error.code, "behind");
  assert.match(error.message, /the old authority may not sign again yet: envoy-13 .* still has ROOTCA/);
  assert.doesNotMatch(error.message, /envoy-11/);
  assert.equal(server.picture.activeKeyId(), rig.next.authority.keyId);
  const forced = must(await back(server, { force: true }));
  assert.deepEqual(
    forced.forced.map(({ verb, by, behind }) => [verb, by, behind]),
    [["rollback", actor, 1]],
  );
  assert.match(String(rig.recorded.find(({ detail }) => detail.forced)?.detail.whoWasBehind), /envoy-13/);
});

test("there is no way back once the old root is withdrawn, and none before a rotation", async () => {
  const { rig, server, agent } = await activated();
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  rig.pass(10);
  must(await server.driver.retire({ ...see(server), strict: false }, signal));
  assert.match(refusal(await back(server)).message, /is done and the old root withdrawn: start another one/);
  const { server: fresh } = await setUp();
  assert.match(refusal(await back(fresh)).message, /no rotation is under way/);
});

test("an old authority that ends sooner than a leaf would does not sign again", async () => {
  const { rig, server } = await activated();
  rig.pass((rig.old.authority.notAfter.getTime() - rig.clock.now().getTime()) / 1000 - 3600);
  assert.match(
    refusal(await back(server)).message,
    /sooner than a leaf of 86400 s would.* go on with retire/,
  );
});

test("R4: of a roll-back and a retirement at once one wins, on one server or on two", async () => {
  const { rig, server, agent } = await activated();
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  rig.pass(10);
  await server.driver.observe(signal);
  const rival = await rig.serve();
  const seen = see(server);
  const outcomes = await Promise.all([
    rival.driver.rollback({ ...seen, reason, force: false }, signal),
    server.driver.retire({ ...seen, strict: false }, signal),
    server.driver.rollback({ ...seen, reason, force: false }, signal),
  ]);
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
  for (const outcome of outcomes) if (!outcome.ok) assert.equal(outcome.error.code, "stale-revision");
  await rival.picture.reload(signal);
  await server.picture.reload(signal);
  assert.deepEqual(rival.driver.status(), server.driver.status());
});

test("R5: an anchor goes only when no leaf of any authority under it is in use, whenever that one signed", async () => {
  const { rig, server, agent } = await setUp();
  const { state } = server.picture;
  const former = { ...rig.old.authority, keyId: "f0".repeat(20) };
  const authorities = {
    ...state.authorities,
    closed: [{ authority: former, closedAt: rig.clock.now(), closedIn: "an earlier one" }],
  };
  assert.ok(await server.picture.replace({ ...state, authorities, revision: state.revision + 1 }, signal));
  const kept = madeLeaf(former.keyId, {
    requester: agent.id,
    spiffeId: "spiffe://mesh.test/former",
    at: rig.clock.now(),
  });
  await rig.issue(kept);
  must(await server.driver.start(rig.offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle: server.picture.bundle() });
  must(await server.driver.activate(see(server), signal));
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  await agent.serve(server.roster, 13, { authority: former, bundle: server.picture.bundle() });
  rig.pass(10);
  const held = refusal(await server.driver.retire({ ...see(server), strict: false }, signal)).message;
  assert.match(held, /the certificate of spiffe:\/\/mesh\.test\/former/);
  assert.match(held, /envoy-13 .* still has default 01[0-9a-f]+ of the old authority/);
});
