import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "vitest";
import type { Der } from "../../../src/domain/certificate/der.ts";
import { followsIncident, isLost } from "../../../src/domain/trust/incident.ts";
import { revocationList } from "../../fakes/revocation-list.ts";
import { type SoftwareAuthority, softwareAuthority } from "../../fakes/software-authority.ts";
import { must, refusal, see, setUp } from "./rotation-parts.ts";
import { type RotationRig, signal } from "./rotation-rig.ts";

const year = 365 * 86_400_000;
const serialOf = (der: Der): string => new X509Certificate(der).serialNumber.toLowerCase();

/** A list of the root that revokes these serials, and an empty one of an intermediate. */
const ofRoot = (
  rig: RotationRig,
  serials: readonly string[],
  nextUpdate = new Date(Date.now() + year),
): Der =>
  revocationList(rig.old.root, rig.old.rootKey, {
    serials,
    thisUpdate: new Date(Date.now() - 3_600_000),
    nextUpdate,
  });
const emptyOf = (
  { authority, privateKey }: SoftwareAuthority,
  nextUpdate = new Date(Date.now() + year),
): Der =>
  revocationList(authority.certificate, privateKey, {
    thisUpdate: new Date(Date.now() - 3_600_000),
    nextUpdate,
  });

/** A mesh whose first intermediate is lost, the next of the stock, and the sealed set. */
async function lost() {
  const parts = await setUp();
  const { rig } = parts;
  const next = softwareAuthority({ beside: rig.old });
  rig.signer.add(next);
  const lists = [ofRoot(rig, [serialOf(rig.old.authority.certificate)]), emptyOf(next)];
  const offered = { authority: rig.old.authority.keyId, intermediate: next.authority.certificate, lists };
  return { ...parts, next, offered };
}

const why = "keyCompromise";

test("the next intermediate signs at once, and the lists go out when nobody depends on the lost one, through restarts", async () => {
  const { rig, server: first, agent, next, offered } = await lost();
  must(await first.driver.incident(offered, { ...see(first), reason: why }, signal));
  assert.equal(first.picture.activeKeyId(), next.authority.keyId);
  assert.equal(first.picture.isOpen(rig.old.authority.keyId), false);
  assert.deepEqual(first.picture.bundle().lists, []);
  const { state } = first.picture;
  assert.equal(followsIncident(state), true);
  assert.deepEqual(
    [rig.old, next].map(({ authority }) => isLost(state, authority.keyId)),
    [true, false],
  );
  assert.match(
    refusal(await first.driver.rollback({ ...see(first), reason: "no", force: true }, signal)).message,
    /is lost: it must not sign again/,
  );

  const second = await rig.serve();
  await second.driver.observe(signal);
  assert.equal(second.driver.incidentStatus().stage, "replacing");
  assert.deepEqual(second.picture.bundle().lists, []);
  await agent.renewNode(second.roster, next.authority);
  for (const pid of [11, 12]) await agent.serve(second.roster, pid, { authority: next.authority });
  rig.pass(10);
  const before = second.picture.bundle().sequence;
  await second.driver.observe(signal);
  assert.equal(second.driver.status().phase, "done");
  const bundle = second.picture.bundle();
  assert.deepEqual(bundle.lists, offered.lists);
  assert.equal(bundle.sequence, before + 1);

  const third = await rig.serve();
  await third.driver.observe(signal);
  const open = third.driver.incidentStatus();
  assert.equal(open.stage, "withdrawn");
  assert.equal(open.behind.length, 3);
  assert.match(open.exposed[0] ?? "", /read no revocation lists .* until 20/);
  rig.pass(2);
  await agent.accept(third.roster, bundle);
  for (const pid of [11, 12]) await agent.serve(third.roster, pid, { bundle });
  await third.driver.observe(signal);
  const { stage, startedMs, replacedMs, closedMs } = third.driver.incidentStatus();
  assert.deepEqual([stage, replacedMs - startedMs, closedMs - replacedMs], ["closed", 10_000, 2000]);
  const stages = rig.events.flatMap((event) => (event.kind === "incident" ? event.stage : []));
  assert.deepEqual(stages, ["replacing", "withdrawn", "closed"]);
});

test("whoever is behind can be cut off by force, which goes on record", async () => {
  const { rig, server, agent, next, offered } = await lost();
  must(await server.driver.incident(offered, { ...see(server), reason: why }, signal));
  await server.driver.observe(signal);
  await agent.renewNode(server.roster, next.authority);
  await agent.serve(server.roster, 11, { authority: next.authority });
  rig.pass(10);
  const waits = refusal(await server.driver.retire({ ...see(server), strict: false }, signal));
  assert.match(waits.message, /the lost intermediate is still needed: envoy-12/);
  must(
    await server.driver.retire({ ...see(server), strict: false, force: "it is in use by the thief" }, signal),
  );
  assert.deepEqual(server.picture.bundle().lists, offered.lists);
  assert.match(JSON.stringify(rig.recorded), /it is in use by the thief/);
});

type Change = (parts: Awaited<ReturnType<typeof lost>>) => object;
const offers: Record<string, [Change, RegExp]> = {
  "no list of the next intermediate": [
    ({ offered: { lists } }) => ({ lists: lists.slice(0, 1) }),
    /not complete/,
  ],
  "no list of the root": [({ offered: { lists } }) => ({ lists: lists.slice(1) }), /not complete/],
  "no list at all": [() => ({ lists: [] }), /not complete/],
  "a list of the root that another key signed": [
    ({ rig, offered: { lists } }) => ({
      lists: [
        revocationList(rig.old.root, rig.next.rootKey, {
          serials: [serialOf(rig.old.authority.certificate)],
          thisUpdate: new Date(0),
          nextUpdate: new Date(Date.now() + year),
        }),
        ...lists.slice(1),
      ],
    }),
    /not complete/,
  ],
  "lists that do not revoke the lost one": [
    ({ rig, next }) => ({ lists: [ofRoot(rig, ["0102"]), emptyOf(next)] }),
    /does not revoke/,
  ],
  "lists that revoke the next one too": [
    ({ rig, next }) => {
      const serials = [rig.old, next].map(({ authority }) => serialOf(authority.certificate));
      return { lists: [ofRoot(rig, serials), emptyOf(next)] };
    },
    /revokes [0-9a-f]+, which signs/,
  ],
  "a list that ends before its issuer": [
    ({ rig, next }) => ({
      lists: [
        ofRoot(rig, [serialOf(rig.old.authority.certificate)]),
        emptyOf(next, new Date(Date.now() + 1000)),
      ],
    }),
    /before its issuer: everything would be refused/,
  ],
  "the same list twice": [
    ({ offered: { lists } }) => ({ lists: [...lists, ...lists] }),
    /two revocation lists of/,
  ],
  "bytes that are no list": [() => ({ lists: [new Uint8Array(9)] }), /cannot be read/],
  "an authority that does not sign": [() => ({ authority: "ab".repeat(20) }), /the authority that signs is/],
  "an intermediate whose key is nowhere": [
    ({ rig }) => ({ intermediate: softwareAuthority({ beside: rig.old }).authority.certificate }),
    /holds no key/,
  ],
};

test.each(Object.keys(offers))("an incident with %s changes nothing", async (what) => {
  const [change, words] = offers[what]!;
  const parts = await lost();
  const { rig, server, offered } = parts;
  const { state } = server.picture;
  const act = { ...see(server), reason: why };
  const refused = refusal(await server.driver.incident({ ...offered, ...change(parts) }, act, signal));
  assert.match(refused.message, words);
  assert.deepEqual(server.picture.state, state);
  assert.equal(server.picture.activeKeyId(), rig.old.authority.keyId);
  assert.equal(rig.recorded.at(-1)?.kind, "rotation.incident.refused");
});

test("while lists are in force only an intermediate that has one may follow, and what was revoked stays so", async () => {
  const { rig, server, agent, next, offered } = await lost();
  const third = softwareAuthority({ beside: rig.old });
  rig.signer.add(third);
  const lists = [...offered.lists, emptyOf(third)];
  must(await server.driver.incident({ ...offered, lists }, { ...see(server), reason: why }, signal));
  const during = { root: undefined, intermediate: third.authority.certificate, cross: undefined };
  assert.match(refusal(await server.driver.start(during, see(server), signal)).message, /is under way/);
  await server.driver.observe(signal);
  await agent.renewNode(server.roster, next.authority);
  for (const pid of [11, 12]) await agent.serve(server.roster, pid, { authority: next.authority });
  rig.pass(10);
  await server.driver.observe(signal);
  const fourth = softwareAuthority({ beside: rig.old });
  rig.signer.add(fourth);
  const start = (intermediate: Der) =>
    server.driver.start({ root: undefined, intermediate, cross: undefined }, see(server), signal);
  assert.match(
    refusal(await start(fourth.authority.certificate)).message,
    /in force, and no list is of the issuer/,
  );
  assert.match(
    refusal(await server.driver.start(rig.offered, see(server), signal)).message,
    /in force, and no list/,
  );

  // A set that was sealed before the first incident would give the first one back.
  const old = [ofRoot(rig, [serialOf(next.authority.certificate)]), emptyOf(third)];
  const again = { authority: next.authority.keyId, intermediate: third.authority.certificate, lists: old };
  const act = { ...see(server), reason: why };
  assert.match(
    refusal(await server.driver.incident(again, act, signal)).message,
    /would give back the certificate/,
  );
  const both = [rig.old, next].map(({ authority }) => serialOf(authority.certificate));
  must(await server.driver.incident({ ...again, lists: [ofRoot(rig, both), emptyOf(third)] }, act, signal));
  assert.equal(server.picture.activeKeyId(), third.authority.keyId);
});

test("R28: lists are refused where none are in force: they would have everybody ask for them", async () => {
  const { rig, server } = await setUp();
  const offered = { ...rig.offered, lists: [ofRoot(rig, [])] };
  assert.match(
    refusal(await server.driver.start(offered, see(server), signal)).message,
    /no revocation lists are in force/,
  );
});
