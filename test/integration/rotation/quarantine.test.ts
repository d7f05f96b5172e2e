import assert from "node:assert/strict";
import { test } from "vitest";
import { holderId, holderKey, newHolder } from "../../../src/domain/trust/holder.ts";
import { toHolderRecord } from "../../../src/domain/trust/holder-record.ts";
import { delivered } from "../../../src/domain/trust/holder-updates.ts";
import { activated, actor, must, refusal, see, setUp } from "./rotation-parts.ts";
import { type Server, signal } from "./rotation-rig.ts";

const reason = "nobody knows who owns it";
const skewS = 300;

const holderOf = ({ roster }: Server, pid: number) => {
  const found = roster.holders().find((holder) => holder.pid === pid);
  assert.ok(found);
  return found;
};
const begin = (server: Server, pid: number, by = actor) =>
  server.quarantines.begin(holderId(holderOf(server, pid)), { actor: by, reason }, signal);
/** One more identity of the process, or another process's. */
async function holdsToo(server: Server, agentId: string, who: { pid: number; spiffeId: string }) {
  const at = new Date();
  const identity = { agentId, ...who, startTime: "77", kind: "sds" } as const;
  const content = { kind: "leaf", version: "v", serial: "07", authorityKeyId: "aa", notAfter: at } as const;
  const given = delivered(
    newHolder(identity, `envoy-${who.pid}`, at),
    { channel: "", name: "x", content },
    at,
  );
  const nothing = { full: false, acceptance: null, supersededSerials: [], servedSerials: [] };
  await server.roster.accept(agentId, { ...nothing, holders: [toHolderRecord(given)] }, signal);
}

const stops = (server: Server, pid: number) => {
  const { agentId, spiffeId } = holderOf(server, pid);
  return server.quarantines.stops(agentId, spiffeId);
};

test("R8: one in quarantine gets no certificate, and is not waited for once what it has is over", async () => {
  const { rig, server, agent } = await setUp();
  must(await server.driver.start(rig.offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  await agent.serve(server.roster, 11, { bundle: server.picture.bundle() });
  const [laggard] = server.driver.status().laggards;
  assert.equal(laggard?.id, holderId(holderOf(server, 12)));

  const { quarantine, changed } = must(await begin(server, 12));
  assert.deepEqual(
    [changed, quarantine.holder, quarantine.spiffeIds, quarantine.siblings],
    [true, holderKey(holderOf(server, 12)), ["spiffe://mesh.test/workload-12"], []],
  );
  assert.equal(quarantine.endsMs, rig.clock.now().getTime() + (3600 - 60 + skewS) * 1000);
  assert.deepEqual([stops(server, 12), stops(server, 11)], [true, false]);
  assert.equal(server.driver.status().laggards[0]?.quarantineEndsMs, quarantine.endsMs);

  const next = await rig.serve();
  assert.equal(stops(next, 12), true);
  assert.deepEqual(next.driver.status().quarantines, [quarantine]);
  rig.pass(3600 - 60 + skewS - 1);
  await agent.renewNode(next.roster, rig.old.authority);
  await agent.serve(next.roster, 11, { authority: rig.old.authority });
  assert.equal(refusal(await next.driver.activate(see(next), signal)).code, "behind");
  rig.pass(1);
  assert.equal(must(await next.driver.activate(see(next), signal)).phase, "reissuing");
  assert.equal(stops(next, 12), true, "after its end, too: a new certificate would make it a holder again");
  assert.deepEqual(
    rig.recorded
      .filter(({ kind }) => kind.startsWith("holder."))
      .map(({ kind, actor: by, detail }) => [kind, by, detail.reason]),
    [["holder.quarantined", actor, reason]],
  );
});

test("R8: every identity of the process is stopped, at its agent alone, and siblings are named", async () => {
  const { rig, server, agent } = await setUp();
  const bundle = server.picture.bundle();
  for (const pid of [11, 13])
    await holdsToo(server, agent.id, { pid, spiffeId: "spiffe://mesh.test/second" });
  const other = rig.agent("n2");
  await other.renewNode(server.roster, rig.old.authority);
  await other.serve(server.roster, 11, { bundle, authority: rig.old.authority });
  const target = server.roster.holders().find(({ pid, agentId }) => pid === 11 && agentId === agent.id);
  assert.ok(target);
  const { quarantine } = must(await server.quarantines.begin(holderKey(target), { actor, reason }, signal));
  assert.deepEqual(quarantine.spiffeIds.toSorted(), [
    "spiffe://mesh.test/second",
    "spiffe://mesh.test/workload-11",
  ]);
  assert.equal(quarantine.siblingsTotal, 1);
  assert.match(
    quarantine.siblings[0] ?? "",
    /^envoy-13 \(pid 13 on node n1, spiffe:\/\/mesh\.test\/second\)$/,
  );
  assert.equal(server.quarantines.stops(agent.id, "spiffe://mesh.test/second"), true);
  const second = server.roster
    .holders()
    .find(({ pid, spiffeId }) => pid === 11 && spiffeId.endsWith("/second"));
  assert.ok(second);
  const again = must(await server.quarantines.begin(holderId(second), { actor, reason: "again" }, signal));
  assert.deepEqual([again.changed, again.quarantine.holder], [false, quarantine.holder]);
  assert.equal(
    must(await server.quarantines.release(holderId(second), { actor, reason: "" }, signal)).changed,
    true,
  );
  assert.deepEqual(server.quarantines.list(), []);
  must(await server.quarantines.begin(holderKey(target), { actor, reason }, signal));
  assert.equal(server.quarantines.stops(other.id, "spiffe://mesh.test/workload-11"), false);
});

test("R9: a quarantine ends by release, or when the process exits, and not by a restart", async () => {
  const { rig, server, agent } = await setUp();
  must(await begin(server, 12));
  must(await begin(server, 11));
  await agent.exit(server.roster, 12);
  const next = await rig.serve();
  await next.driver.observe(signal);
  assert.deepEqual(
    next.quarantines.list().map(({ label }) => label.slice(0, 8)),
    ["envoy-11"],
  );
  const id = holderId(holderOf(next, 11));
  const act = { actor, reason: "moved to another team" };
  assert.equal(must(await next.quarantines.release(id, act, signal)).changed, true);
  assert.equal(must(await next.quarantines.release(id, act, signal)).changed, false);
  assert.equal(stops(next, 11), false);
  assert.deepEqual((await rig.serve()).quarantines.list(), []);
  assert.deepEqual(
    rig.recorded.filter(({ kind }) => kind.startsWith("holder.")).map(({ kind }) => kind),
    ["holder.quarantined", "holder.quarantined", "holder.quarantine-ended", "holder.released"],
  );
});

test("R9: of two operators, on one server or on two, the first one's reason stands", async () => {
  const { rig, server } = await setUp();
  const rival = await rig.serve();
  const outcomes = await Promise.all([
    begin(server, 12),
    begin(server, 12, "unix:uid=1001"),
    begin(rival, 12, "unix:uid=1002"),
  ]);
  const answers = outcomes.map(must);
  assert.equal(answers.filter(({ changed }) => changed).length, 1);
  const [by] = new Set(answers.map(({ quarantine }) => quarantine.by));
  for (const { quarantine } of answers) assert.equal(quarantine.by, by);
});

test("who cannot be put into quarantine is told why", async () => {
  const { rig, server, agent } = await setUp();
  const ask = async (name: string) =>
    refusal(await server.quarantines.begin(name, { actor, reason }, signal)).message;
  assert.match(await ask("0123456789ab"), /no holder has the id "0123456789ab": `meshmint rotation status`/);
  await agent.serve(server.roster, 14, { bundle: server.picture.bundle() });
  assert.match(
    await ask(holderId(holderOf(server, 14))),
    /envoy-14 .* has no certificate that could be renewed/,
  );
  const id = "spiffe://mesh.test/meshmint/server";
  const notAfter = new Date(rig.clock.now().getTime() + 3_600_000);
  await server.roster.serverServes(id, { serial: "01", authorityKeyId: "aa", notAfter }, signal);
  const own = server.roster.holders().find(({ kind }) => kind === "server");
  assert.match(await ask(own ? holderKey(own) : ""), /is the server itself/);
});

test("an agent in quarantine gets no node SVID, and its processes go on until it is gone", async () => {
  const { server, agent } = await activated();
  const own = server.roster.holders().find(({ kind }) => kind === "agent");
  const { quarantine } = must(
    await server.quarantines.begin(own ? holderId(own) : "", { actor, reason }, signal),
  );
  assert.deepEqual(quarantine.spiffeIds, [agent.id]);
  assert.equal(server.quarantines.stops(agent.id, agent.id), true);
  assert.equal(server.quarantines.stops(agent.id, "spiffe://mesh.test/workload-11"), false);
});
