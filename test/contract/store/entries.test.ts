import assert from "node:assert/strict";
import { test } from "vitest";
import { SqlEntryStore } from "../../../src/backends/store/entry-store.ts";
import { Entries } from "../../../src/control/enrolment/entries.ts";
import { type RegistrationChange, Registrations } from "../../../src/control/enrolment/registrations.ts";
import type { LedgerEvent } from "../../../src/control/ledger/ledger-writer.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import type { EntryInput } from "../../../src/domain/policy/entry-rules.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { hours } from "../../../src/foundation/duration.ts";
import { systemRandom } from "../../../src/foundation/random.ts";
import { openStoreIn, temporaryFolder } from "./temporary-store.ts";

const agent = "spiffe://mesh.example/meshmint/agent/join_token/n1" as SpiffeId;
const web: EntryInput = {
  spiffeId: "spiffe://mesh.example/web",
  parentId: agent,
  selectors: ["unix:uid:1000"],
  x509Ttl: 0,
  dnsNames: [],
  hint: "",
  priority: 0,
  labels: { tier: "front" },
  tenant: "",
};

async function openEntries(folder = temporaryFolder()) {
  const life = new AbortController();
  const { signal } = life;
  const store = new SqlEntryStore({ database: await openStoreIn(folder) });
  const registrations = await Registrations.follow(store, assert.ifError, signal);
  const events: LedgerEvent[] = [];
  const ledger = { recordEvent: async (event: LedgerEvent) => void events.push(event) };
  const rules = {
    trustDomain: "mesh.example" as TrustDomain,
    ttlCap: hours(24),
    roleBearers: new Set<SpiffeId>(),
    issuers: [],
  };
  const entries = new Entries({
    store,
    registrations,
    ledger,
    rules: () => rules,
    clock: systemClock,
    random: systemRandom,
  });
  return { entries, registrations, events, store, act: { actor: "unix:uid=0", signal } };
}

test("what was created is in memory when the call returns, told to listeners, recorded, and there after a restart", async () => {
  const folder = temporaryFolder();
  const { entries, registrations, events, act, store } = await openEntries(folder);
  const told: RegistrationChange[] = [];
  registrations.onChange((changes) => told.push(...changes));
  const created = await entries.create(web, act);
  assert.ok(created.ok);
  assert.deepEqual(registrations.entry(created.value.id), created.value);
  assert.deepEqual(registrations.entriesOf(agent), [created.value]);
  assert.deepEqual(told, [{ before: undefined, after: created.value }]);
  assert.deepEqual(
    events.map(({ kind, actor }) => ({ kind, actor })),
    [{ kind: "entry.create", actor: "unix:uid=0" }],
  );
  const again = await Registrations.follow(store, assert.ifError, act.signal);
  assert.deepEqual([...again.all()], [created.value]);
});

test("of two updates that read the same revision one wins", async () => {
  const { entries, registrations, events, act } = await openEntries();
  const created = await entries.create(web, act);
  assert.ok(created.ok);
  const { id, revision } = created.value;
  const outcomes = await Promise.all(
    ["a", "b"].map((hint) => entries.update({ id, revision }, { ...web, hint }, act)),
  );
  assert.equal(outcomes.filter((outcome) => outcome.ok).length, 1);
  assert.deepEqual(
    outcomes.filter((outcome) => !outcome.ok),
    [{ ok: false, error: { code: "stale-revision" } }],
  );
  assert.equal(registrations.entry(id)?.revision, 2);
  assert.equal(events.filter(({ kind }) => kind === "entry.update.refused").length, 1);
});

test("a move to another parent leaves nothing with the old one", async () => {
  const { entries, registrations, act } = await openEntries();
  const created = await entries.create(web, act);
  assert.ok(created.ok);
  const other = "spiffe://mesh.example/meshmint/agent/join_token/n2" as SpiffeId;
  const moved = await entries.update(created.value, { ...web, parentId: other }, act);
  assert.ok(moved.ok);
  assert.deepEqual(registrations.entriesOf(agent), []);
  assert.deepEqual(registrations.entriesOf(other), [moved.value]);
  assert.ok((await entries.remove(created.value.id, act)).ok);
  assert.deepEqual(registrations.entriesOf(other), []);
});

test("who listens for one agent hears of its entries alone, coming and going, until it stops", async () => {
  const { entries, registrations, act } = await openEntries();
  const other = "spiffe://mesh.example/meshmint/agent/join_token/n2" as SpiffeId;
  const heard: string[] = [];
  const stop = registrations.onChangeOf(agent, () => heard.push("one"));
  registrations.onChangeOf(other, () => heard.push("two"));
  const created = await entries.create(web, act);
  assert.ok(created.ok);
  assert.deepEqual(heard.splice(0), ["one"]);
  assert.ok((await entries.update(created.value, { ...web, parentId: other }, act)).ok);
  assert.deepEqual(heard.splice(0).toSorted(), ["one", "two"]);
  stop();
  assert.ok((await entries.create(web, act)).ok);
  assert.deepEqual(heard, []);
});

test("refusals: the same registration twice, an unknown one, an invalid one", async () => {
  const { entries, act } = await openEntries();
  await entries.create({ ...web, selectors: ["unix:uid:1", "unix:gid:1"] }, act);
  const twice = await entries.create({ ...web, selectors: ["unix:gid:1", "unix:uid:1"] }, act);
  assert.deepEqual(twice, { ok: false, error: { code: "exists" } });
  assert.deepEqual(await entries.remove("nobody", act), { ok: false, error: { code: "not-found" } });
  const reserved = await entries.create({ ...web, spiffeId: "spiffe://mesh.example/meshmint/server" }, act);
  assert.ok(!reserved.ok && reserved.error.code === "invalid");
});

test("a follower hears of changes that another made, in commit order", async () => {
  const { entries, store, act } = await openEntries();
  const follower = await Registrations.follow(store, assert.ifError, act.signal);
  const seen = Promise.withResolvers<void>();
  const revisions: (number | undefined)[] = [];
  follower.onChange((changes) => {
    for (const { after } of changes) revisions.push(after?.revision);
    if (revisions.at(-1) === 5) seen.resolve();
  });
  const created = await entries.create(web, act);
  assert.ok(created.ok);
  let entry = created.value;
  for (let round = 0; round < 4; round++) {
    const updated = await entries.update(entry, { ...web, priority: round + 1 }, act);
    assert.ok(updated.ok);
    entry = updated.value;
  }
  await seen.promise;
  assert.deepEqual(
    revisions,
    revisions.toSorted((a, b) => Number(a) - Number(b)),
  );
});
