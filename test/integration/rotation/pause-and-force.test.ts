import assert from "node:assert/strict";
import { test } from "vitest";
import { madeLeaf } from "../../contract/ledger/made-leaf.ts";
import { activated, actor, anchored, must, refusal, see, setUp } from "./rotation-parts.ts";
import { signal } from "./rotation-rig.ts";

const reason = "the change window is over";

test("R27: a clock that jumps ahead ends nobody before his time: nothing is done until it is back, or somebody has looked", async () => {
  const { rig, server, agent } = await activated();
  rig.setClock(2 * 3600);
  await server.driver.observe(signal);
  const { phase, obstacles } = server.driver.status();
  assert.equal(phase, "reissuing", "by this clock every old certificate is over");
  assert.match(obstacles[0] ?? "", /clock has jumped ahead by 2h/);
  const early = refusal(await server.driver.retire({ ...see(server), strict: false, force: "now" }, signal));
  assert.match(early.message, /clock has jumped ahead by 2h.*rotation resume/);
  assert.equal(rig.told.length, 1);

  rig.setClock(-2 * 3600);
  await server.driver.observe(signal);
  assert.deepEqual([server.driver.status().phase, server.driver.status().obstacles], ["reissuing", []]);
  assert.equal(server.driver.status().leavesOutstanding, 3);
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  rig.pass(10);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "reissued");

  rig.setClock(2 * 3600);
  must(await server.driver.resume(see(server), signal));
  assert.equal(rig.recorded.at(-1)?.detail.clockTrusted, true);
  must(await server.driver.retire({ ...see(server), strict: false }, signal));
  rig.setClock(2 * 3600);
  assert.match(server.driver.status().obstacles[0] ?? "", /jumped ahead by 2h/);
  must(await server.driver.resume(see(server), signal));
  assert.deepEqual(server.driver.status().obstacles, [], "where no rotation is under way too");
});

test("R6: a paused rotation goes on by nobody's hand until it is resumed, through restarts", async () => {
  const { rig, server, agent } = await setUp();
  must(await server.driver.start(rig.offered, see(server), signal));
  const paused = must(await server.driver.pause({ ...see(server), reason }, signal));
  assert.deepEqual(
    [paused.phase, paused.paused, paused.pausedBy, paused.pausedReason],
    ["distributing", true, actor, reason],
  );
  assert.equal(
    must(await server.driver.pause({ ...see(server), reason: "another" }, signal)).pausedReason,
    reason,
  );
  await agent.accept(server.roster, server.picture.bundle());
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle: server.picture.bundle() });
  const next = await rig.serve();
  await next.driver.observe(signal);
  assert.equal(next.driver.status().phase, "distributing");
  for (const act of [
    next.driver.activate(see(next), signal),
    next.driver.activate({ ...see(next), force: "now" }, signal),
  ]) {
    assert.match(
      refusal(await act).message,
      /was paused by unix:uid=1000: "the change window is over"; resume it/,
    );
    await next.picture.reload(signal);
  }
  const resumed = must(await next.driver.resume(see(next), signal));
  assert.deepEqual([resumed.phase, resumed.paused], ["anchored", false]);
  assert.equal(must(await next.driver.resume(see(next), signal)).revision, resumed.revision);
});

test("in a pause nothing is retired, and what is known of old leaves stays true through a restart", async () => {
  const { rig, server, agent } = await activated();
  must(await server.driver.pause({ ...see(server), reason }, signal));
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  const next = await rig.serve();
  rig.pass(10);
  const held = refusal(await next.driver.retire({ ...see(next), strict: false }, signal));
  assert.match(held.message, /was paused by/);
  assert.deepEqual([next.driver.status().phase, next.driver.status().obstacles], ["reissuing", []]);
  assert.equal(must(await next.driver.resume(see(next), signal)).phase, "reissued");
});

test("a roll-back is allowed in a pause and ends it; one that is rolled back can be paused too", async () => {
  const { server, agent, rig } = await activated();
  await agent.serve(server.roster, 11, { authority: rig.next.authority });
  must(await server.driver.pause({ ...see(server), reason }, signal));
  const rolling = must(await server.driver.rollback({ ...see(server), reason, force: false }, signal));
  assert.deepEqual([rolling.phase, rolling.paused], ["rolling-back", false]);
  must(await server.driver.pause({ ...see(server), reason }, signal));
  await agent.serve(server.roster, 11, { authority: rig.old.authority });
  rig.pass(10);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "rolling-back");
  const asked = refusal(await server.driver.rollback({ ...see(server), reason, force: false }, signal));
  assert.match(asked.message, /paused: resume it/);
  assert.equal(must(await server.driver.resume(see(server), signal)).phase, "idle");
});

test("with no rotation there is nothing to pause or to resume; of two who pause at once one wins", async () => {
  const { rig, server } = await setUp();
  assert.match(
    refusal(await server.driver.pause({ ...see(server), reason }, signal)).message,
    /nothing to pause/,
  );
  assert.match(refusal(await server.driver.resume(see(server), signal)).message, /nothing to resume/);
  must(await server.driver.start(rig.offered, see(server), signal));
  const rival = await rig.serve();
  const act = { ...see(server), reason };
  const outcomes = await Promise.all([rival.driver.pause(act, signal), server.driver.pause(act, signal)]);
  assert.equal(outcomes.filter(({ ok }) => ok).length, 1);
});

test("R7: force goes past whoever is behind, and that stays on record", async () => {
  const { rig, server, agent } = await setUp();
  must(await server.driver.start(rig.offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  await agent.serve(server.roster, 11, { bundle: server.picture.bundle() });
  const force = "12 is a lab machine";
  const active = must(await server.driver.activate({ ...see(server), force }, signal));
  assert.equal(active.phase, "reissuing");
  assert.deepEqual(
    active.forced.map(({ verb, by, reason: why, behind }) => [verb, by, why, behind]),
    [["activate", actor, force, 1]],
  );
  const step = rig.recorded.find(({ detail }) => detail.to === "reissuing" && detail.forced !== undefined);
  assert.equal(step?.actor, actor);
  assert.match(String(step?.detail.whoWasBehind), /^envoy-12 \(pid 12 on node n1, .*\) still has ROOTCA/);
  assert.equal(rig.events.filter(({ kind }) => kind === "forced").length, 1);

  const next = await rig.serve();
  const retired = must(
    await next.driver.retire({ ...see(next), strict: false, force: "the lab is gone" }, signal),
  );
  assert.equal(retired.phase, "done");
  assert.deepEqual(
    retired.forced.map(({ verb }) => verb),
    ["activate", "retire"],
  );
  assert.deepEqual((await rig.serve()).driver.status().forced, retired.forced);
});

test("force that nobody makes necessary is not used, and is not on record", async () => {
  const { server } = await anchored();
  const active = must(await server.driver.activate({ ...see(server), force: "to be sure" }, signal));
  assert.deepEqual([active.phase, active.forced], ["reissuing", []]);
});

test("R7: force passes no missing key, no certificate that is not valid yet, and no authority that is not closed", async () => {
  const { rig, server } = await setUp();
  must(await server.driver.start(rig.offered, see(server), signal));
  rig.signer.describeKey = async () => undefined;
  const lacking = refusal(await server.driver.activate({ ...see(server), force: "now" }, signal));
  assert.equal(lacking.code, "unknown-key");

  const { rig: other, server: second, agent } = await anchored();
  const late = madeLeaf(other.old.authority.keyId, {
    requester: agent.id,
    spiffeId: "spiffe://mesh.test/late",
    at: other.clock.now(),
  });
  await other.intend(late);
  must(await second.driver.activate(see(second), signal));
  const open = refusal(await second.driver.retire({ ...see(second), strict: false, force: "now" }, signal));
  assert.match(open.message, /not closed yet, or still has requests under way/);
});
