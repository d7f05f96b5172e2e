/** What an operator is told before a rotation and during one: by the checks of its verbs, and without any trace. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { minutes, seconds } from "../../../src/foundation/duration.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";
import { activated, anchored, must, refusal, see, setUp } from "./rotation-parts.ts";
import { type RotationRig, type Server, signal } from "./rotation-rig.ts";

const pace = { reissueSpread: seconds(30), signaturesPerSecond: undefined };
type Offered = Parameters<Server["driver"]["start"]>[0];
const forecast = async (server: Server, offered?: Offered) =>
  must(await server.driver.forecast({ ...pace, offered }, signal));
const inside = (rig: RotationRig): Offered => {
  const next = softwareAuthority({ beside: rig.old });
  rig.signer.add(next);
  return { root: undefined, intermediate: next.authority.certificate, cross: undefined };
};

test("R13: a forecast leaves nothing behind, and what it foresees is what then happens", async () => {
  const { rig, server, agent } = await setUp();
  server.roster.connected(agent.id);
  const [state, recorded] = [server.picture.state, rig.recorded.length];
  const foreseen = await forecast(server, rig.offered);
  assert.deepEqual([foreseen.refusals, foreseen.laggards, foreseen.replacesRoot], [[], [], true]);
  // Two Envoys and their agent; the certificate of each, all of one hour, of which a minute is over.
  assert.deepEqual([foreseen.holders, foreseen.bundleOnly, foreseen.census.identities], [3, 0, 3]);
  assert.equal(foreseen.steps[3]?.expected, 40);
  assert.equal(foreseen.steps[3]?.most, 3600 + minutes(5));
  assert.equal(server.picture.state, state);
  assert.equal(rig.recorded.length, recorded);
  const started = must(await server.driver.start(rig.offered, see(server), signal));
  assert.equal(started.newAuthority, foreseen.newAuthority);
});

test("R13: what start refuses a forecast refuses, in the same words", async () => {
  const { rig, server } = await setUp();
  const stranger = softwareAuthority();
  const offers: Offered[] = [
    { ...rig.offered, cross: undefined, root: stranger.root },
    { root: stranger.root, intermediate: stranger.authority.certificate, cross: undefined },
    { root: undefined, intermediate: rig.old.authority.certificate, cross: undefined },
    { ...inside(rig), cross: rig.cross },
  ];
  for (const offered of offers) {
    const { refusals, steps, newAuthority } = await forecast(server, offered);
    assert.deepEqual(refusals, [refusal(await server.driver.start(offered, see(server), signal)).message]);
    assert.deepEqual([steps, newAuthority], [[], ""]);
  }
  must(await server.driver.start(rig.offered, see(server), signal));
  const second = await forecast(server, inside(rig));
  assert.match(second.refusals.join(), /^rotation \w+ is under way \(distributing\); end it first$/);
  assert.equal(second.steps[1]?.state, "now", "of the one that is under way");
});

test("a signer that cannot be asked is a refusal, as it would be of start; nothing at all is one too", async () => {
  const { rig, server } = await setUp();
  rig.signer.describeKey = () => Promise.reject(new Fault("SIGNER_UNAVAILABLE", "it hung up"));
  const { refusals } = await forecast(server, rig.offered);
  assert.match(refusals.join(), /^not every signer can be asked for the key .*it hung up/);
  const none = refusal(await server.driver.forecast({ ...pace, offered: undefined }, signal));
  assert.match(none.message, /^no rotation is under way/);
});

test("whoever cannot be reached is foreseen, with when it is over if it stays away; in quarantine, by its end", async () => {
  const { rig, server, agent } = await setUp();
  await agent.serve(server.roster, 13, { bundle: server.picture.bundle() });
  const away = await forecast(server, rig.offered);
  assert.equal(away.laggardsTotal, 4);
  assert.equal(away.bundleOnly, 1);
  assert.equal(away.steps[1]?.most, 86_400, "the lease of the one without a certificate");
  server.roster.connected(agent.id);
  assert.equal((await forecast(server, rig.offered)).laggardsTotal, 0);
  await agent.refuse(server.roster, 11, server.picture.bundle());
  const refusing = await forecast(server, rig.offered);
  assert.match(refusing.laggards[0]?.reason ?? "", /^refused ROOTCA 0 s ago/);
  assert.equal(refusing.steps[1]?.most, undefined, "it is there, and renews what it has");
  const id = refusing.laggards[0]?.id ?? "";
  must(await server.quarantines.begin(id, { actor: "unix:uid=0", reason: "late" }, signal));
  assert.equal((await forecast(server, rig.offered)).steps[1]?.most, 3600 - 60 + minutes(5));
});

test("where the root stays nobody has to accept anything", async () => {
  const { rig, server, agent } = await setUp();
  server.roster.connected(agent.id);
  const { holders, replacesRoot, steps } = await forecast(server, inside(rig));
  assert.deepEqual([holders, replacesRoot], [0, false]);
  assert.deepEqual(
    steps.map(({ by }) => by),
    ["operator", "server", "server", "fleet", "server"],
  );
});

test("during a rotation: who is in the way now, and the steps that are left", async () => {
  const { server } = await anchored();
  const waits = await forecast(server);
  assert.deepEqual(
    waits.steps.map(({ state }) => state),
    ["done", "done", "now", "to-come", "to-come"],
  );
  const { rig, server: second, agent } = await activated();
  await agent.serve(second.roster, 11, { authority: rig.next.authority });
  rig.pass(12);
  const { laggards, laggardsTotal, steps } = await forecast(second);
  assert.deepEqual([laggardsTotal, laggards.map(({ pid }) => pid).toSorted()], [2, [0, 12]]);
  assert.deepEqual([steps[3]?.state, steps[3]?.expected], ["now", 18 + 10]);
  assert.equal(steps[3]?.most, 3600 - 60 - 12 + minutes(5));
});
