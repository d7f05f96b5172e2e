/** What an operator is told of whoever a rotation waits for: the status, and the list of holders. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { ProxyPicture } from "../../../src/control/rotation/proxy-list.ts";
import { defaultAcceptancePolicy } from "../../../src/domain/trust/acceptance-policy.ts";
import { activated, must, see, setUp } from "./rotation-parts.ts";
import { signal } from "./rotation-rig.ts";

const skewS = 300;
const lifeS = 3600;

test("a laggard is named with node, process, age of what it has, last error, and until when it counts", async () => {
  const { rig, server, agent } = await setUp();
  const servedAtMs = rig.clock.now().getTime() - 60_000;
  const { validForAllMs } = must(await server.driver.start(rig.offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  await agent.serve(server.roster, 11, { bundle: server.picture.bundle() });
  await agent.refuse(server.roster, 12, server.picture.bundle());
  rig.pass(30);
  const { laggards, laggardsTotal } = server.driver.status();
  assert.equal(laggardsTotal, 1);
  const [one] = laggards;
  assert.ok(one);
  assert.deepEqual([one.agentId, one.pid, one.spiffeId], [agent.id, 12, "spiffe://mesh.test/workload-12"]);
  assert.equal(one.holding.bundleSinceMs, servedAtMs, "what it refused it does not use");
  assert.equal(one.holding.certificateSinceMs, servedAtMs);
  assert.equal(one.holding.certificateEndsMs, servedAtMs + lifeS * 1000);
  assert.equal(one.countsUntilMs, servedAtMs + (lifeS + skewS) * 1000);
  assert.equal(one.holding.lastErrorSecret, "ROOTCA");
  assert.notEqual(one.holding.lastError, "");
  assert.equal(one.holding.lastErrorMs, servedAtMs + 60_000);
  assert.ok(validForAllMs > 0 && validForAllMs <= rig.clock.now().getTime());

  const { picture, roster, quarantines } = server;
  const list = new ProxyPicture({
    picture,
    roster,
    quarantines,
    policy: defaultAcceptancePolicy,
    clock: rig.clock,
  }).list({ laggingOnly: true });
  assert.deepEqual(
    list.proxies.map(({ holder, holding }) => [holder.pid, holding]),
    [[12, one.holding]],
  );
});

test("a process without a certificate counts until its lease ends, and what has no holder until it is over", async () => {
  const { rig, server, agent } = await setUp();
  await agent.serve(server.roster, 13, { bundle: server.picture.bundle() });
  must(await server.driver.start(rig.offered, see(server), signal));
  const alone = server.driver.status().laggards.find(({ pid }) => pid === 13);
  assert.equal(alone?.holding.certificateSinceMs, 0);
  assert.equal(alone?.countsUntilMs, rig.clock.now().getTime() + 86_400_000);
});

test("while certificates are replaced: how many of how many still count, and until when at the latest", async () => {
  const { rig, server, agent } = await activated();
  const before = server.driver.status();
  assert.deepEqual([before.leavesTotal, before.leavesOutstanding], [3, 3]);
  const endsMs = before.leavesEndMs;
  assert.equal(endsMs, rig.clock.now().getTime() + (lifeS - 60 + skewS) * 1000);
  const node = before.laggards.find(({ kind }) => kind === "leaf");
  assert.deepEqual([node?.agentId, node?.pid, node?.countsUntilMs], [agent.id, 0, endsMs]);
  await agent.renewNode(server.roster, rig.next.authority);
  await agent.serve(server.roster, 11, { authority: rig.next.authority });
  rig.pass(10);
  const after = server.driver.status();
  assert.deepEqual([after.leavesTotal, after.leavesOutstanding, after.leavesEndMs], [3, 1, endsMs]);
});
