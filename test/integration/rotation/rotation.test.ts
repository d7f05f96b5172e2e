import assert from "node:assert/strict";
import { test } from "vitest";
import { actor, must, refusal, see, setUp } from "./rotation-parts.ts";
import { signal } from "./rotation-rig.ts";

test("a trust domain moves to a new root, and a restart at each step goes on", async () => {
  const { rig, server: first, agent } = await setUp();
  const idle = first.driver.status();
  assert.equal(idle.phase, "idle");
  assert.deepEqual([idle.holdersTotal, idle.holdersPassed], [3, 3]);

  const started = must(await first.driver.start(rig.offered, { actor, expectedRevision: 0 }, signal));
  assert.equal(started.phase, "distributing");
  assert.equal(started.bundleSequence, 2);
  assert.deepEqual(
    started.laggards.map(({ reason }) => reason.replace(/\d+ s/, "N s")),
    [
      "still has bundle without the new root, given N s ago",
      "still has ROOTCA without the new root, given N s ago",
      "still has ROOTCA without the new root, given N s ago",
    ],
  );

  const second = await rig.serve();
  assert.deepEqual(second.picture.bundle().anchors, [rig.next.root, rig.old.root]);
  const early = refusal(await second.driver.activate(see(second), signal));
  assert.equal(early.code, "behind");
  assert.match(
    early.message,
    /envoy-11 \(pid 11 on node n1, spiffe:\/\/mesh\.test\/workload-11\) still has ROOTCA/,
  );
  assert.match(early.message, /agent spiffe:\/\/mesh\.test\/meshmint\/agent\/join_token\/n1 still has/);
  await agent.accept(second.roster, second.picture.bundle());
  for (const pid of [11, 12]) await agent.serve(second.roster, pid, { bundle: second.picture.bundle() });

  const third = await rig.serve();
  await third.driver.observe(signal);
  assert.equal(third.driver.status().phase, "anchored");
  assert.deepEqual(third.driver.status().passedByGrade, { acknowledged: 3 });
  assert.equal(third.picture.activeKeyId(), rig.old.authority.keyId);

  const fourth = await rig.serve();
  const activated = must(await fourth.driver.activate(see(fourth), signal));
  assert.equal(activated.phase, "reissuing");
  assert.equal(fourth.picture.activeKeyId(), rig.next.authority.keyId);
  assert.equal(fourth.picture.isOpen(rig.old.authority.keyId), false);
  assert.equal(activated.leavesOutstanding, 3);

  const fifth = await rig.serve();
  await fifth.driver.observe(signal);
  const tooSoon = refusal(await fifth.driver.retire({ ...see(fifth), strict: false }, signal));
  assert.match(tooSoon.message, /envoy-11 .* still has default 01[0-9a-f]+ of the old authority/);
  assert.match(
    tooSoon.message,
    /the certificate of spiffe:\/\/mesh\.test\/meshmint\/agent\/join_token\/n1 at .* ends/,
  );
  await agent.renewNode(fifth.roster, rig.next.authority);
  for (const pid of [11, 12]) await agent.serve(fifth.roster, pid, { authority: rig.next.authority });
  await fifth.driver.observe(signal);
  assert.match(
    fifth.driver.status().laggards[0]?.reason ?? "",
    /took its new default 0 s ago, which counts after 10 s/,
  );
  rig.pass(10);

  const sixth = await rig.serve();
  await sixth.driver.observe(signal);
  assert.equal(sixth.driver.status().phase, "reissued");
  const strict = refusal(await sixth.driver.retire({ ...see(sixth), strict: true }, signal));
  assert.match(strict.message, /--strict/);

  const seventh = await rig.serve();
  await seventh.driver.observe(signal);
  const done = must(await seventh.driver.retire({ ...see(seventh), strict: false }, signal));
  assert.equal(done.phase, "done");
  assert.equal(done.bundleSequence, 3);
  assert.deepEqual(seventh.picture.bundle().anchors, [rig.next.root]);

  const eighth = await rig.serve();
  assert.deepEqual(eighth.picture.state, seventh.picture.state);
  assert.deepEqual(
    rig.recorded
      .filter(({ kind }) => kind === "rotation.step")
      .map(({ detail }) => `${detail.from} > ${detail.to}`),
    [
      "idle > prepared",
      "prepared > distributing",
      "distributing > anchored",
      "anchored > reissuing",
      "reissuing > reissuing",
      "reissuing > reissued",
      "reissued > retiring",
      "retiring > done",
    ],
  );
  const refusals = rig.recorded.filter(({ kind }) => kind.endsWith(".refused")).map(({ kind }) => kind);
  assert.deepEqual(refusals, [
    "rotation.activate.refused",
    "rotation.retire.refused",
    "rotation.retire.refused",
  ]);
});
