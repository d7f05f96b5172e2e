/** What follows an incident: intermediates of later ceremonies and another root, whose lists go out before they sign. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "vitest";
import type { OfferedRotation } from "../../../src/control/rotation/decide-start.ts";
import type { Der } from "../../../src/domain/certificate/der.ts";
import type { Authority } from "../../../src/domain/trust/authority.ts";
import type { CohortPlan } from "../../../src/domain/trust/cohorts.ts";
import { minutes, seconds } from "../../../src/foundation/duration.ts";
import type { FakeAgent } from "../../fakes/fake-agent.ts";
import { revocationList } from "../../fakes/revocation-list.ts";
import { type SoftwareAuthority, softwareAuthority } from "../../fakes/software-authority.ts";
import { must, refusal, see, setUp } from "./rotation-parts.ts";
import { type RotationRig, type Server, signal } from "./rotation-rig.ts";

const canaryFirst: CohortPlan = { rules: [{ label: "canary", value: "yes" }], soak: minutes(1) };
const year = 365 * 86_400_000;
const times = { thisUpdate: new Date(Date.now() - 3_600_000), nextUpdate: new Date(Date.now() + year) };
const serialOf = (der: Der): string => new X509Certificate(der).serialNumber.toLowerCase();
const ofRoot = ({ root, rootKey }: SoftwareAuthority, lost: readonly SoftwareAuthority[] = []): Der =>
  revocationList(root, rootKey, {
    ...times,
    serials: lost.map(({ authority }) => serialOf(authority.certificate)),
  });
const emptyOf = ({ authority, privateKey }: SoftwareAuthority): Der =>
  revocationList(authority.certificate, privateKey, times);

async function takeLeaves(server: Server, agent: FakeAgent, authority: Authority): Promise<void> {
  await agent.renewNode(server.roster, authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority });
}

async function takeBundle(server: Server, agent: FakeAgent): Promise<void> {
  const bundle = server.handOut.bundleFor(agent.id);
  await agent.accept(server.roster, bundle);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { bundle });
}

/** Ended, by the step that `observe` takes when everybody has what it takes. */
async function finish(
  { rig, server, agent }: { rig: RotationRig; server: Server; agent: FakeAgent },
  authority: Authority,
) {
  await takeLeaves(server, agent, authority);
  rig.pass(10);
  await server.driver.observe(signal);
  await server.driver.observe(signal);
}

/** The first intermediate was stolen, and its lists are in force. `fourth` is of a later ceremony. */
async function withLists() {
  const { rig, server, agent } = await setUp();
  server.roster.connected(agent.id);
  const [second, third, fourth] = [1, 2, 3].map(() => softwareAuthority({ beside: rig.old }));
  assert.ok(second && third && fourth);
  for (const one of [second, third, fourth]) rig.signer.add(one);
  const lists = [ofRoot(rig.old, [rig.old]), emptyOf(second), emptyOf(third)];
  const lost = {
    authority: rig.old.authority.keyId,
    intermediate: second.authority.certificate,
    lists,
  };
  must(await server.driver.incident(lost, { ...see(server), reason: "keyCompromise" }, signal));
  await server.driver.observe(signal);
  await finish({ rig, server, agent }, second.authority);
  assert.equal(server.driver.incidentStatus().stage, "withdrawn");
  const wider = [ofRoot(rig.old, [rig.old]), ...[second, third, fourth].map(emptyOf)];
  const offered: OfferedRotation = {
    ...{ root: undefined, intermediate: fourth.authority.certificate, cross: undefined, lists: wider },
  };
  return { rig, server, agent, second, third, fourth, lists, wider, offered };
}

/** Everybody has taken them up. */
async function afterIncident() {
  const parts = await withLists();
  await takeBundle(parts.server, parts.agent);
  await parts.server.driver.observe(signal);
  assert.equal(parts.server.driver.incidentStatus().stage, "closed");
  return parts;
}

const reasons = ({ driver }: Server) =>
  driver
    .status()
    .laggards.map(({ reason }) => reason)
    .join("\n");

test("R28: an intermediate of a later ceremony signs when everybody has its list, through restarts", async () => {
  const { rig, server: first, agent, second, fourth, wider, offered } = await afterIncident();
  const before = first.picture.bundle();
  must(await first.driver.start(offered, see(first), signal));
  assert.equal(first.driver.status().phase, "distributing");
  const bundle = first.picture.bundle();
  assert.deepEqual([bundle.lists, bundle.sequence], [wider, before.sequence + 1]);
  assert.match(reasons(first), /still has ROOTCA without the new revocation lists, given/);

  const server = await rig.serve();
  server.roster.connected(agent.id);
  await agent.accept(server.roster, bundle);
  await agent.serve(server.roster, 11, { bundle });
  rig.pass(60);
  await server.driver.observe(signal);
  assert.equal(server.picture.activeKeyId(), second.authority.keyId);
  assert.match(
    refusal(await server.driver.activate(see(server), signal)).message,
    /envoy-12.* without the new/,
  );
  await agent.refuse(server.roster, 12, bundle);
  assert.match(reasons(server), /refused ROOTCA with the new revocation lists/);

  await agent.serve(server.roster, 12, { bundle });
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "reissuing");
  assert.equal(server.picture.activeKeyId(), fourth.authority.keyId);
  await finish({ rig, server, agent }, fourth.authority);
  assert.equal(server.driver.status().phase, "done");
  assert.deepEqual(server.picture.bundle(), bundle);
});

test("R28: a roll-back returns to the lists before, and the same offer comes again", async () => {
  const { server, agent, second, lists, offered } = await afterIncident();
  must(await server.driver.start(offered, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  const act = { ...see(server), reason: "a test", force: false };
  must(await server.driver.rollback(act, signal));
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "idle");
  const bundle = server.picture.bundle();
  assert.deepEqual(bundle.lists, lists);
  assert.equal(server.picture.activeKeyId(), second.authority.keyId);
  assert.match(
    refusal(await server.driver.start({ ...offered, lists: [] }, see(server), signal)).message,
    /in force, and no list is of the issuer/,
  );
  must(await server.driver.start(offered, see(server), signal));
  assert.equal(server.picture.bundle().sequence, bundle.sequence + 1);
});

test("R28: one of the stock of the incident's day waits, too, for whoever does not have its list", async () => {
  const { rig, server, agent, second, third } = await afterIncident();
  const old = { ...server.picture.bundle(), lists: [] };
  await agent.serve(server.roster, 13, { bundle: old, authority: second.authority });
  const offered = { root: undefined, intermediate: third.authority.certificate, cross: undefined };
  const before = server.picture.bundle();
  must(await server.driver.start(offered, see(server), signal));
  assert.equal(server.driver.status().phase, "distributing");
  assert.match(reasons(server), /without the new revocation lists/);
  await agent.serve(server.roster, 13, { bundle: before });
  await server.driver.observe(signal);
  assert.equal(server.picture.activeKeyId(), third.authority.keyId);
  assert.equal(server.picture.bundle(), before);
  await agent.serve(server.roster, 13, { authority: third.authority });
  await finish({ rig, server, agent }, third.authority);
  assert.equal(server.driver.status().phase, "done");
});

test.each([false, true])(
  "R28: another root comes with its lists, which stay only if they revoke (%s)",
  async (revokes) => {
    const { rig, server, agent, lists } = await afterIncident();
    const { next } = rig;
    const theirs = [ofRoot(next, revokes ? [softwareAuthority({ beside: next })] : []), emptyOf(next)];
    assert.match(
      refusal(await server.driver.start(rig.offered, see(server), signal)).message,
      /no list is of the issuer .* by --lists/,
    );
    must(await server.driver.start({ ...rig.offered, lists: theirs }, see(server), signal));
    const both = server.picture.bundle();
    assert.deepEqual([both.anchors.length, both.lists], [2, [...theirs, ...lists]]);
    await takeBundle(server, agent);
    await server.driver.observe(signal);
    must(await server.driver.activate(see(server), signal));
    await finish({ rig, server, agent }, next.authority);
    must(await server.driver.retire({ ...see(server), strict: false }, signal));
    const bundle = server.picture.bundle();
    assert.deepEqual([bundle.anchors, bundle.lists], [[next.root], revokes ? theirs : []]);
    assert.equal(bundle.sequence, both.sequence + 1);
  },
);

test("R28: another root that is rolled back takes its lists with it", async () => {
  const { rig, server, agent, lists } = await afterIncident();
  const before = server.picture.bundle();
  const theirs = [ofRoot(rig.next), emptyOf(rig.next)];
  must(await server.driver.start({ ...rig.offered, lists: theirs }, see(server), signal));
  await agent.accept(server.roster, server.picture.bundle());
  must(await server.driver.rollback({ ...see(server), reason: "a test", force: false }, signal));
  await server.driver.observe(signal);
  const { anchors, lists: left } = server.picture.bundle();
  assert.deepEqual([anchors, left], [before.anchors, lists]);
});

test("R28: cohorts take wider lists in their order, and whoever waits keeps what was in force", async () => {
  const { rig, server, agent, wider, lists, offered } = await afterIncident();
  const canary = rig.agent("canary");
  rig.nodeLabels.set(canary.id, ["canary=yes"]);
  server.roster.connected(canary.id);
  await takeLeaves(server, canary, must(server.picture.current() as never));
  await takeBundle(server, canary);
  must(await server.driver.start({ ...offered, cohorts: canaryFirst }, see(server), signal));
  const handed = () => [canary, agent].map(({ id }) => server.handOut.bundleFor(id).lists);
  assert.deepEqual(handed(), [wider, lists]);
  await takeBundle(server, canary);
  await server.driver.observe(signal);
  rig.pass(60);
  await server.driver.observe(signal);
  assert.deepEqual(handed(), [wider, wider]);
});

test("R28: an incident whose lists not everybody has ends with wider ones, or with its root", async () => {
  const { server, agent, offered } = await withLists();
  must(await server.driver.start(offered, see(server), signal));
  await server.driver.observe(signal);
  assert.equal(server.driver.incidentStatus().behind.length, 3);
  await takeBundle(server, agent);
  await server.driver.observe(signal);
  assert.equal(server.driver.incidentStatus().stage, "closed");

  const other = await withLists();
  const { rig, server: second } = other;
  const theirs = [ofRoot(rig.next), emptyOf(rig.next)];
  must(await second.driver.start({ ...rig.offered, lists: theirs }, see(second), signal));
  must(await second.driver.activate({ ...see(second), force: "a test" }, signal));
  must(await second.driver.retire({ ...see(second), strict: false, force: "a test" }, signal));
  await second.driver.observe(signal);
  assert.equal(second.driver.incidentStatus().stage, "closed");
});

test("R28, R21: two that refuse wider lists turn the rotation back; it was foreseen that they have to take them", async () => {
  const { server, agent, lists, offered } = await afterIncident();
  const question = { offered, reissueSpread: seconds(30), signaturesPerSecond: undefined };
  const foreseen = must(await server.driver.forecast(question, signal));
  assert.deepEqual([foreseen.replacesRoot, foreseen.changesBundle, foreseen.holders], [false, true, 3]);
  must(await server.driver.start(offered, see(server), signal));
  for (const pid of [11, 12]) await agent.refuse(server.roster, pid, server.picture.bundle());
  await server.driver.observe(signal);
  await server.driver.observe(signal);
  assert.match(server.driver.status().rollbackReason, /^2 of 2 processes of the mesh fail/);
  assert.deepEqual(server.picture.bundle().lists, lists);
});

type Parts = Awaited<ReturnType<typeof afterIncident>>;
const offers: Readonly<Record<string, [(parts: Parts) => Partial<OfferedRotation>, RegExp]>> = {
  "lists without the one that signs": [
    ({ rig, fourth, second }) => ({
      // Its list is in force: nothing that is offered can take that away, but a list of another key under its name can.
      lists: [ofRoot(rig.old, [rig.old, second]), emptyOf(fourth)],
    }),
    /revokes [0-9a-f]+, which signs/,
  ],
  "a set that gives the lost one back": [
    ({ rig, fourth }) => ({ lists: [ofRoot(rig.old), emptyOf(fourth)] }),
    /would give back the certificate/,
  ],
  "a set without the new one": [
    ({ rig }) => ({ lists: [ofRoot(rig.old, [rig.old])] }),
    /no list is of the issuer/,
  ],
  "bytes that are no list": [() => ({ lists: [new Uint8Array(9)] }), /cannot be read/],
  "the same list twice": [({ wider }) => ({ lists: [...wider, ...wider] }), /two revocation lists/],
  "another root whose set relies on lists that go with the old one": [
    ({ rig, lists }) => ({ ...rig.offered, lists: [emptyOf(rig.next), ...lists] }),
    /no list is of the issuer/,
  ],
};

test.each(Object.keys(offers))("R28: %s changes nothing", async (what) => {
  const parts = await afterIncident();
  const { server, offered } = parts;
  const { state } = server.picture;
  const [offer, words] = offers[what]!;
  assert.match(
    refusal(await server.driver.start({ ...offered, ...offer(parts) }, see(server), signal)).message,
    words,
  );
  assert.deepEqual(server.picture.state, state);
});

test("R28: a second incident cannot call in an intermediate that the lists of the first one do not have", async () => {
  const { rig, server, second, third, fourth } = await afterIncident();
  const both = ofRoot(rig.old, [rig.old, second]);
  const incident = (next: SoftwareAuthority) =>
    server.driver.incident(
      {
        authority: second.authority.keyId,
        intermediate: next.authority.certificate,
        lists: [both, emptyOf(third), emptyOf(fourth)],
      },
      { ...see(server), reason: "again" },
      signal,
    );
  assert.match(refusal(await incident(fourth)).message, /no list is of the issuer .* calls in-stock/);
  must(await incident(third));
  assert.equal(server.picture.activeKeyId(), third.authority.keyId);
});
