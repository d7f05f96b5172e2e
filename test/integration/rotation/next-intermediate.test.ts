import assert from "node:assert/strict";
import { test } from "vitest";
import { softwareAuthority } from "../../fakes/software-authority.ts";
import { activated, actor, must, refusal, see, setUp } from "./rotation-parts.ts";
import { signal } from "./rotation-rig.ts";

/** A mesh under its first intermediate, and the next one of the stock, whose key the signer holds. */
async function withStock(notBefore?: Date) {
  const parts = await setUp();
  const next = softwareAuthority({ beside: parts.rig.old, ...(notBefore && { notBefore }) });
  parts.rig.signer.add(next);
  const offered = { root: undefined, intermediate: next.authority.certificate, cross: undefined };
  return { ...parts, next, offered };
}

test("the next intermediate of the stock follows by itself, through restarts, and the bundle stays", async () => {
  const { rig, server: first, agent, next, offered } = await withStock();
  const before = first.picture.bundle();
  const started = must(await first.driver.start(offered, see(first), signal));
  assert.equal(started.phase, "anchored");
  assert.deepEqual([started.holdersTotal, started.laggards], [0, []]);
  assert.equal(first.picture.activeKeyId(), rig.old.authority.keyId);

  const second = await rig.serve();
  await second.driver.observe(signal);
  assert.equal(second.driver.status().phase, "reissuing");
  assert.equal(second.driver.status().actor, "server");
  assert.equal(second.picture.activeKeyId(), next.authority.keyId);
  assert.equal(second.picture.isOpen(rig.old.authority.keyId), false);
  assert.equal(second.driver.status().leavesOutstanding, 3);

  await agent.renewNode(second.roster, next.authority);
  for (const pid of [11, 12]) await agent.serve(second.roster, pid, { authority: next.authority });
  rig.pass(10);
  const third = await rig.serve();
  await third.driver.observe(signal);
  assert.equal(third.driver.status().phase, "done");
  assert.deepEqual(third.picture.bundle(), before);
  assert.equal(third.picture.activeKeyId(), next.authority.keyId);
  const steps = rig.recorded.filter(({ kind }) => kind === "rotation.step").map(({ detail }) => detail.to);
  assert.deepEqual(steps.at(-1), "done");
});

test("it waits until every clock finds it valid, and while the rotation is paused", async () => {
  const { rig, server, next, offered } = await withStock(new Date(Date.now() + 60_000));
  must(await server.driver.start(offered, see(server), signal));
  await server.driver.observe(signal);
  assert.match(
    server.driver.status().obstacles[0] ?? "",
    /may still find the new certificates not yet valid/,
  );
  assert.equal(server.picture.activeKeyId(), rig.old.authority.keyId);
  must(await server.driver.pause({ ...see(server), reason: "night" }, signal));
  rig.pass(600);
  await server.driver.observe(signal);
  assert.equal(server.picture.activeKeyId(), rig.old.authority.keyId);
  must(await server.driver.resume(see(server), signal));
  await server.driver.observe(signal);
  assert.equal(server.picture.activeKeyId(), next.authority.keyId);
});

test("paused in its last moment before it signs, it does not", async () => {
  const { rig, server, next, offered } = await withStock();
  assert.equal(must(await server.driver.start(offered, see(server), signal)).phase, "anchored");
  must(await server.driver.pause({ ...see(server), reason: "night" }, signal));
  await server.driver.observe(signal);
  assert.equal(server.picture.activeKeyId(), rig.old.authority.keyId);
  must(await server.driver.resume(see(server), signal));
  await server.driver.observe(signal);
  assert.equal(server.picture.activeKeyId(), next.authority.keyId);
});

test("behind it goes the same cross-certificate as behind the one before", async () => {
  const { rig, server, agent } = await activated();
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  rig.pass(10);
  must(await server.driver.retire({ ...see(server), strict: false }, signal));
  const follower = softwareAuthority({ beside: rig.next });
  rig.signer.add(follower);
  const offered = { root: undefined, intermediate: follower.authority.certificate, cross: undefined };
  must(await server.driver.start(offered, see(server), signal));
  await server.driver.observe(signal);
  const { keyId } = follower.authority;
  assert.equal(server.picture.activeKeyId(), keyId);
  assert.deepEqual(server.picture.listenerCrossCertificates(keyId), [rig.cross]);
});

test("it is rolled back to the intermediate before, and then may come again", async () => {
  const { rig, server, agent, next, offered } = await withStock();
  const before = server.picture.bundle();
  must(await server.driver.start(offered, see(server), signal));
  await server.driver.observe(signal);
  await agent.serve(server.roster, 11, { authority: next.authority });
  const back = { ...see(server), reason: "it fails", force: false };
  must(await server.driver.rollback(back, signal));
  assert.equal(server.picture.activeKeyId(), rig.old.authority.keyId);
  assert.equal(server.picture.isOpen(next.authority.keyId), false);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "rolling-back");
  await agent.serve(server.roster, 11, { authority: rig.old.authority });
  rig.pass(10);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "idle");
  assert.deepEqual(server.picture.bundle(), before);
  must(await server.driver.start(offered, see(server), signal));
});

test("a root goes only when no leaf of any of its intermediates counts", async () => {
  const { rig, server, agent, next, offered } = await withStock();
  must(await server.driver.start(offered, see(server), signal));
  await server.driver.observe(signal);
  await agent.renewNode(server.roster, next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: next.authority });
  rig.pass(10);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "done");
  // The process with pid 13 took a leaf of the first intermediate that nobody has seen replaced.
  await agent.serve(server.roster, 13, { bundle: server.picture.bundle(), authority: rig.old.authority });
  must(await server.driver.start(rig.offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  for (const pid of [11, 12, 13]) await agent.serve(server.roster, pid, { bundle: server.picture.bundle() });
  must(await server.driver.activate(see(server), signal));
  await agent.renewNode(server.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.next.authority });
  rig.pass(10);
  const blocked = refusal(await server.driver.retire({ ...see(server), strict: false }, signal));
  assert.match(blocked.message, /envoy-13 .* of the old authority/);
  assert.doesNotMatch(blocked.message, /envoy-1[12]/);
});

test.each([
  ["under another root", () => softwareAuthority().authority.certificate, /is not signed by this root/],
  ["whose key the signer lacks", undefined, /holds no key/],
])("an intermediate %s is refused", async (_what, other, words) => {
  const { rig, server } = await setUp();
  const stranger = other?.() ?? softwareAuthority({ beside: rig.old }).authority.certificate;
  const offered = { root: undefined, intermediate: stranger, cross: undefined };
  assert.match(refusal(await server.driver.start(offered, see(server), signal)).message, words);
  const same = { ...offered, intermediate: rig.old.authority.certificate };
  assert.match(
    refusal(
      await server.driver.start(same, { actor, expectedRevision: server.driver.status().revision }, signal),
    ).message,
    /has been an authority here before/,
  );
  const crossed = { ...offered, cross: rig.cross };
  assert.match(
    refusal(await server.driver.start(crossed, see(server), signal)).message,
    /a cross-certificate belongs to a new root/,
  );
});
