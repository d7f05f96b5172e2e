/** The schedule on a real store and ledger: what it draws, when it holds still, and what it says of the stock. */
import assert from "node:assert/strict";
import { test } from "vitest";
import { x509SignatureCheck } from "../../../src/backends/node-crypto/x509-signature-check.ts";
import { RotationSchedule, scheduleActor } from "../../../src/control/rotation/rotation-schedule.ts";
import { SignerFleet } from "../../../src/control/signing/signer-fleet.ts";
import type { ScheduleTerms } from "../../../src/domain/trust/rotation-schedule.ts";
import { days, hours } from "../../../src/foundation/duration.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { noQuarantines } from "../../fakes/lone-fleet.ts";
import { type SoftwareAuthority, softwareAuthority } from "../../fakes/software-authority.ts";
import { SoftwareSigner } from "../../fakes/software-signer.ts";
import { actor, must, see } from "./rotation-parts.ts";
import { RotationRig, type Server, signal } from "./rotation-rig.ts";

const terms: ScheduleTerms = { automatic: true, every: days(2), margin: hours(6), longestLeaf: hours(24) };
const day = 86_400;

function scheduleOf(
  rig: RotationRig,
  server: Server,
  ...[over = {}, frozen = () => undefined]: [Partial<ScheduleTerms>?, (() => string | undefined)?]
): RotationSchedule {
  return new RotationSchedule({
    picture: server.picture,
    driver: server.driver,
    clock: rig.clock,
    signatures: x509SignatureCheck,
    longestLeaf: hours(24),
    signers: { listKeys: (until) => rig.fleet.listKeys(until) },
    observer: { saw: (event) => void rig.events.push(event) },
    terms: { ...terms, ...over },
    frozen,
  });
}

/** A mesh that nobody has joined yet, with so many more intermediates under its root; they end together. */
async function withStock(count: number, over: Partial<ScheduleTerms> = {}) {
  const rig = await RotationRig.open();
  const stock = Array.from({ length: count }, () => softwareAuthority({ beside: rig.old }));
  for (const one of stock) rig.signer.add(one);
  const server = await rig.serve();
  const schedule = scheduleOf(rig, server, over);
  const ordered = [...stock].sort((one, other) => (one.authority.keyId < other.authority.keyId ? -1 : 1));
  return {
    rig,
    server,
    schedule,
    stock: ordered as [SoftwareAuthority, SoftwareAuthority, ...SoftwareAuthority[]],
  };
}

const started = (rig: RotationRig) =>
  rig.recorded
    .filter(({ kind, detail }) => kind === "rotation.step" && detail.to === "prepared")
    .map(({ actor: by, detail }) => `${by} ${detail.newAuthority}`);
async function finish({ driver }: Server): Promise<void> {
  for (let look = 0; look < 2; look += 1) await driver.observe(signal);
  assert.equal(driver.status().phase, "done");
}
const levels = (rig: RotationRig) =>
  rig.events.flatMap((event) => (event.kind === "stock" ? `${event.level} ${event.inStock}` : []));

test("R10: when an interval is over, the next is drawn like an operator's start, and the stock says how long it lasts", async () => {
  const { rig, server, schedule, stock } = await withStock(3);
  await schedule.look(signal);
  assert.deepEqual([started(rig), levels(rig)], [[], []]);
  assert.equal(schedule.standing()?.inStock, 3);
  for (const [turn, { authority }] of stock.entries()) {
    rig.pass(2 * day);
    await schedule.look(signal);
    assert.equal(server.driver.status().phase, "anchored");
    await schedule.look(signal); // one that is under way is left alone
    await finish(server);
    assert.equal(server.picture.activeKeyId(), authority.keyId);
    assert.equal(started(rig).at(-1), `${scheduleActor} ${authority.keyId}`);
    assert.equal(schedule.standing()?.inStock, 2 - turn);
  }
  await schedule.look(signal);
  assert.deepEqual(levels(rig), ["low 1", "empty 0"]);
  const drawn = rig.events.flatMap((event) =>
    event.kind === "drawn" ? `${event.because} ${event.authority}` : [],
  );
  assert.deepEqual(
    drawn,
    stock.map(({ authority }) => `interval ${authority.keyId}`),
  );
  rig.pass(2 * day);
  await schedule.look(signal);
  assert.equal(started(rig).length, 3);
  rig.pass(40 * day);
  await schedule.look(signal);
  assert.deepEqual(levels(rig).at(-1), "ending 0");
});

test("without an interval the next is drawn a margin before the present one can issue the longest leaf no more", async () => {
  const { rig, server, schedule } = await withStock(1, { every: undefined });
  const notAfter = new Date(rig.clock.now().getTime() + 10 * day * 1000);
  const short = softwareAuthority({ beside: rig.old, notAfter });
  rig.signer.add(short);
  const offered = { root: undefined, intermediate: short.authority.certificate, cross: undefined };
  must(await server.driver.start(offered, see(server), signal));
  await finish(server);
  assert.equal(server.picture.activeKeyId(), short.authority.keyId);
  rig.pass(8.7 * day); // 10 days without a leaf's day and the margin's six hours are 8.75
  await schedule.look(signal);
  assert.equal(started(rig).length, 1);
  rig.pass(0.1 * day);
  await schedule.look(signal);
  assert.equal(started(rig).length, 2);
  assert.equal(rig.events.find((event) => event.kind === "drawn")?.because, "end");
});

test("of two servers on one store one draws, and a start anew does not draw again", async () => {
  const { rig, server, schedule } = await withStock(3);
  const rival = scheduleOf(rig, await rig.serve());
  rig.pass(2 * day);
  await Promise.all([schedule.look(signal), rival.look(signal)]);
  assert.equal(started(rig).length >= 1, true);
  const revived = await rig.serve();
  const { newAuthority, actor: by } = revived.driver.status();
  await scheduleOf(rig, revived).look(signal);
  assert.equal(by, "server"); // it is anchored already, by itself
  assert.equal(revived.driver.status().newAuthority, newAuthority);
  await revived.driver.observe(signal);
  await server.picture.reload(signal);
  for (const again of [schedule, rival, scheduleOf(rig, revived)]) await again.look(signal);
  assert.equal((await rig.serve()).picture.state.authorities.closed.length, 1);
});

test("killed before and after the ledger knows, it draws the very same one", async () => {
  const { rig, server, schedule, stock } = await withStock(2);
  rig.pass(2 * day);
  rig.dieAt(1);
  await assert.rejects(schedule.look(signal), /killed before an event/);
  assert.equal(server.driver.status().phase, "idle");
  rig.dieAt(2);
  const second = await rig.serve();
  await assert.rejects(scheduleOf(rig, second).look(signal), /killed after an event/);
  const third = await rig.serve();
  await scheduleOf(rig, third).look(signal);
  await third.driver.observe(signal);
  assert.equal(third.picture.activeKeyId(), stock[0].authority.keyId);
  assert.equal(third.picture.state.authorities.closed.length, 1);
});

test("it holds still during an operator's rotation, while that is paused, and after a roll-back of its own draw", async () => {
  const { rig, server, schedule } = await withStock(3);
  rig.pass(2 * day);
  await schedule.look(signal);
  must(await server.driver.pause({ ...see(server), reason: "night" }, signal));
  rig.pass(2 * day);
  await schedule.look(signal);
  assert.match(schedule.plan().held ?? "", /is under way \(paused\)/);
  must(await server.driver.rollback({ ...see(server), reason: "it fails", force: false }, signal));
  await server.driver.observe(signal);
  assert.equal(server.driver.status().phase, "idle");
  rig.pass(10 * day);
  await schedule.look(signal);
  assert.match(schedule.plan().held ?? "", new RegExp(`${actor} has rolled .* back .*it fails.*by hand`));
  assert.equal(started(rig).length, 1);
  const states = (await schedule.count(signal)).items.map(({ state }) => state).sort();
  assert.deepEqual(states, ["active", "in-stock", "in-stock", "rolled-back", "unusable"]);
});

test("R11: an intermediate counts only when every signer holds its key with this very certificate", async () => {
  const { rig, server, schedule, stock } = await withStock(2);
  const second = new SoftwareSigner();
  for (const one of [rig.old, stock[1]]) second.add(one);
  rig.fleet = new SignerFleet({
    signers: [
      { name: "one", signer: rig.signer },
      { name: "two", signer: second },
    ],
    quarantines: noQuarantines,
    observer: { saw: () => undefined },
  });
  const { items } = await schedule.count(signal);
  const of = (one: SoftwareAuthority) => items.find(({ keyId }) => keyId === one.authority.keyId);
  assert.equal(of(stock[1])?.state, "in-stock");
  assert.deepEqual(of(stock[1])?.signers, ["one", "two"]);
  assert.equal(of(stock[0])?.state, "unusable");
  assert.match(of(stock[0])?.why ?? "", /signer "two" holds no key/);
  assert.match(of(rig.next)?.why ?? "", /is not signed by this root/);
  rig.pass(2 * day);
  await schedule.look(signal);
  await server.driver.observe(signal);
  // The driver of this server asks the fleet that it was given: the lone one.
  assert.equal(server.driver.status().newAuthority, stock[1].authority.keyId);
});

test("a signer that is away leaves the count as it was; with one due that is told, and tried again", async () => {
  const { rig, schedule } = await withStock(2);
  await schedule.look(signal);
  const listKeys = rig.signer.listKeys.bind(rig.signer);
  rig.signer.listKeys = async () => {
    throw new Fault("SIGNER_UNAVAILABLE", "nobody answers");
  };
  rig.pass(60);
  await schedule.look(signal);
  assert.equal(schedule.standing()?.inStock, 2);
  rig.pass(2 * day);
  await assert.rejects(schedule.look(signal), /the next intermediate is due: signer "only": nobody answers/);
  rig.signer.listKeys = listKeys;
  rig.pass(60);
  await schedule.look(signal);
  assert.equal(started(rig).length, 1);
});

test("keys that belong to no certificate, and what a signer does not sign with, are named", async () => {
  const { rig, schedule, stock } = await withStock(2);
  const label = "issuing-9";
  rig.signer.orphans.push({ keyId: "ab".repeat(20), label, certificate: undefined, flaw: "" });
  rig.signer.orphans.push({ keyId: "", label: "no id yet", certificate: undefined, flaw: "" });
  const listed = await rig.signer.listKeys();
  rig.signer.listKeys = async () =>
    listed.map((key) =>
      key.keyId === stock[0].authority.keyId ? { ...key, flaw: "it can be extracted" } : key,
    );
  const { items } = await schedule.count(signal);
  const orphans = items.filter(({ state }) => state === "orphaned");
  assert.deepEqual(orphans.map(({ label: name }) => name).sort(), [label, "no id yet"]);
  assert.equal(schedule.standing()?.orphaned, 2);
  const flawed = items.find(({ keyId }) => keyId === stock[0].authority.keyId);
  assert.deepEqual([flawed?.state, schedule.standing()?.inStock], ["unusable", 1]);
  assert.match(flawed?.why ?? "", /signer "only" does not sign with it: it can be extracted/);
});

test("switched off, it counts and warns, and draws nothing", async () => {
  const { rig, schedule } = await withStock(1, { automatic: false, every: undefined });
  rig.pass(2 * day);
  await schedule.look(signal);
  assert.deepEqual(levels(rig), ["low 1"]);
  assert.deepEqual(schedule.plan().dueAt, undefined);
});

test("while a restore has frozen rotation nothing is drawn, and then it is", async () => {
  const { rig, server } = await withStock(2);
  let frozen: string | undefined = "a restore has lost certificates";
  const schedule = scheduleOf(rig, server, {}, () => frozen);
  rig.pass(2 * day);
  await schedule.look(signal);
  assert.deepEqual([started(rig), schedule.plan().held], [[], "a restore has lost certificates"]);
  frozen = undefined;
  rig.pass(60);
  await schedule.look(signal);
  assert.equal(started(rig).length, 1);
});
