/** Federated trust domains as holders: what a rotation waits for, what it does not, and what an operator is told. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "vitest";
import { holderId } from "../../../src/domain/trust/holder.ts";
import { seconds } from "../../../src/foundation/duration.ts";
import { FakePartner } from "../../fakes/fake-partner.ts";
import { revocationList } from "../../fakes/revocation-list.ts";
import { softwareAuthority } from "../../fakes/software-authority.ts";
import { anchored, must, refusal, see, setUp } from "./rotation-parts.ts";
import { type RotationRig, type Server, signal } from "./rotation-rig.ts";

const propagationS = 900;
const year = 365 * 86_400_000;
const why = "a test";

/** Two processes of ours that keep up, and a partner that was admitted and has fetched. */
async function federated() {
  const parts = await setUp();
  const partner = new FakePartner("partner.example", parts.rig.clock);
  await partner.admit(parts.server.partners);
  await partner.fetch(parts.server.partners);
  parts.rig.pass(propagationS);
  return { ...parts, partner };
}

/** A root's rotation that everybody but partners has accepted. */
async function begun(parts: Awaited<ReturnType<typeof federated>>) {
  const { rig, server, agent } = parts;
  must(await server.driver.start(rig.offered, see(server), signal));
  const bundle = server.picture.bundle();
  await agent.accept(server.roster, bundle);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle });
  await server.driver.observe(signal);
  return parts;
}

const behind = ({ driver }: Server) =>
  driver.status().laggards.map(({ label, reason }) => `${label} ${reason}`);
const idOf = ({ roster }: Server) => {
  const holder = roster.holders().find(({ kind }) => kind === "partner");
  assert.ok(holder);
  return holderId(holder);
};
const holdsFor = async (rig: RotationRig, server: Server, seconds: number) => {
  rig.pass(seconds);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "distributing");
};

test("R17: a rotation waits until the partner has fetched and its propagation time has passed, through restarts", async () => {
  const { rig, server, partner } = await begun(await federated());
  assert.deepEqual(behind(server), [
    "partner partner.example has not fetched the bundle with the new root: it has the one that it fetched 15 min ago",
  ]);
  await holdsFor(rig, server, 300);
  await partner.fetch(server.partners, { lost: true });
  await holdsFor(rig, server, propagationS);
  await partner.fetch(server.partners);
  await holdsFor(rig, server, propagationS - 1);
  const second = await rig.serve();
  assert.match(
    refusal(await second.driver.activate(see(second), signal)).message,
    /partner partner\.example fetched the bundle with the new root 15 min ago, which counts after 900 s/,
  );
  rig.pass(1);
  await second.driver.observe(signal);
  const { phase, passedByGrade } = second.driver.status();
  assert.deepEqual([phase, passedByGrade], ["anchored", { acknowledged: 3, returned: 1 }]);
});

test("R17: one that never fetches is waited for beyond every lease; it cannot be in quarantine; removed, it is waited for no more", async () => {
  const { rig, server } = await begun(await federated());
  const silent = new FakePartner("silent.example", rig.clock);
  await silent.admit(server.partners);
  await server.partners.remove("partner.example" as never, signal);
  await holdsFor(rig, server, 2 * 86_400);
  assert.deepEqual(behind(server), ["partner silent.example has never fetched its bundle"]);
  const [one] = server.driver.status().laggards;
  assert.equal(one?.countsUntilMs, 0, "no end is known");
  const refused = refusal(await server.quarantines.begin(idOf(server), { actor: "me", reason: why }, signal));
  assert.match(refused.message, /partner silent\.example has no certificate of ours .* remove it/);
  await silent.leave(server.partners);
  assert.equal(await silent.fetch(server.partners), false);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "anchored");
});

test("R17: by force a rotation goes past a partner, and the ledger names it", async () => {
  const { rig, server } = await begun(await federated());
  must(await server.driver.activate({ ...see(server), force: why }, signal));
  assert.match(JSON.stringify(rig.recorded), /partner partner\.example/);
});

test("R17: a partner that has had the old root for long is in nobody's way back, and holds no leaf", async () => {
  const parts = await begun(await federated());
  const { rig, server, agent, partner } = parts;
  await partner.fetch(server.partners);
  rig.pass(propagationS);
  await server.driver.observe(signal);
  must(await server.driver.activate(see(server), signal));
  assert.ok(behind(server).every((name) => !name.startsWith("partner")));
  must(await server.driver.rollback({ ...see(server), reason: why, force: false }, signal));
  await agent.renewNode(server.roster, rig.old.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: rig.old.authority });
  rig.pass(10);
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "idle");
});

test("R17: one that was admitted after the start of a rotation has to fetch as well", async () => {
  const { rig, server } = await anchored();
  const late = new FakePartner("late.example", rig.clock);
  await late.admit(server.partners);
  assert.match(refusal(await server.driver.activate(see(server), signal)).message, /late\.example has never/);
});

test("R17: what a rotation will wait for is foreseen, and who has not come for long is named", async () => {
  const { rig, server, partner } = await federated();
  const ask = async () => {
    const question = { offered: rig.offered, reissueSpread: seconds(30), signaturesPerSecond: undefined };
    const plan = must(await server.driver.forecast(question, signal));
    const partners = plan.laggards.filter(({ kind }) => kind === "partner");
    return { plan, partners: partners.map(({ label, reason }) => `${label} ${reason}`) };
  };
  await partner.fetch(server.partners);
  const { plan, partners } = await ask();
  const distribute = plan.steps.find(({ name }) => name === "distribute");
  assert.deepEqual([partners, distribute?.expected, plan.holders, plan.bundleOnly], [[], propagationS, 4, 0]);
  rig.pass(propagationS);
  assert.deepEqual((await ask()).partners, ["partner partner.example has not fetched its bundle for 15 min"]);
});

test("R17: no list reaches a partner: an incident is closed without it, and says that it remains exposed", async () => {
  const { rig, server, agent } = await federated();
  const next = softwareAuthority({ beside: rig.old });
  rig.signer.add(next);
  const times = { thisUpdate: new Date(Date.now() - 3_600_000), nextUpdate: new Date(Date.now() + year) };
  const serials = [new X509Certificate(rig.old.authority.certificate).serialNumber.toLowerCase()];
  const lists = [
    revocationList(rig.old.root, rig.old.rootKey, { serials, ...times }),
    revocationList(next.authority.certificate, next.privateKey, times),
  ];
  const offered = { authority: rig.old.authority.keyId, intermediate: next.authority.certificate, lists };
  must(await server.driver.incident(offered, { ...see(server), reason: why }, signal));
  await server.driver.observe(signal);
  await agent.renewNode(server.roster, next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: next.authority });
  rig.pass(10);
  await server.driver.observe(signal);
  const bundle = server.picture.bundle();
  assert.equal(bundle.lists.length, 2);
  await agent.accept(server.roster, bundle);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle });
  await server.driver.observe(signal);
  const { stage, exposed } = server.driver.incidentStatus();
  assert.equal(stage, "closed");
  assert.match(
    exposed.at(-1) ?? "",
    /no revocation lists, and accept the same for as long: partner partner\.example$/,
  );
});
