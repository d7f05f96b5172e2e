import assert from "node:assert/strict";
import { test } from "vitest";
import { SqlEntryStore } from "../../../src/backends/store/entry-store.ts";
import { Entries } from "../../../src/control/enrolment/entries.ts";
import { expireEntries } from "../../../src/control/enrolment/expire-entries.ts";
import { type RegistrationChange, Registrations } from "../../../src/control/enrolment/registrations.ts";
import type { LedgerEvent } from "../../../src/control/ledger/ledger-writer.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import type { EntryInput } from "../../../src/domain/policy/entry-rules.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { hours } from "../../../src/foundation/duration.ts";
import { systemRandom } from "../../../src/foundation/random.ts";
import { eventually } from "../../parts/eventually.ts";
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

test("several acts are one: all of them, in their order, or none, and the ledger has each either way", async () => {
  const { entries, registrations, events, act } = await openEntries();
  const first = await entries.create(web, act);
  assert.ok(first.ok);
  const other: EntryInput = { ...web, spiffeId: "spiffe://mesh.example/api" };
  const { id, revision } = first.value;
  events.length = 0;
  const stale = await entries.apply(
    [{ create: other }, { update: { ...web, hint: "new" }, read: { id, revision: 7 } }],
    act,
  );
  assert.deepEqual(stale, { ok: false, error: { code: "stale-revision", index: 1 } });
  assert.deepEqual([...registrations.all()], [first.value]);
  const kinds = ["entry.create", "entry.update"];
  assert.deepEqual(
    events.map(({ kind }) => kind),
    [...kinds, ...kinds.map((kind) => `${kind}.refused`)],
  );
  assert.match(JSON.stringify(events[2]?.detail), /another of the same request was refused/);

  const twice = await entries.apply([{ create: other }, { create: other }], act);
  assert.deepEqual(twice, { ok: false, error: { code: "exists", index: 1 } });
  const flawed = await entries.apply([{ create: other }, { create: { ...web, selectors: [] } }], act);
  assert.ok(!flawed.ok && flawed.error.code === "invalid" && flawed.error.index === 1);
  assert.equal(registrations.count, 1);

  const done = await entries.apply(
    [{ create: other }, { update: { ...web, hint: "new" }, read: { id, revision } }],
    act,
  );
  assert.ok(done.ok);
  assert.deepEqual(new Set(registrations.all()), new Set(done.value));
  const gone = await entries.apply([{ remove: { id, revision } }], act);
  assert.deepEqual(gone, { ok: false, error: { code: "stale-revision", index: 0 } });
  assert.ok(
    (await entries.apply([{ remove: { id, revision: 2 } }, { remove: { id: done.value[0]?.id ?? "" } }], act))
      .ok,
  );
  assert.equal(registrations.count, 0);
});

test("an entry keeps its end through a restart, and is removed when it is over, unless the clock is known to be wrong", async () => {
  const folder = temporaryFolder();
  const { entries, registrations, events, store, act } = await openEntries(folder);
  const expiresAtMs = Date.now() + 3_600_000;
  const [ending, lasting] = [
    await entries.create({ ...web, expiresAtMs }, act),
    await entries.create({ ...web, spiffeId: "spiffe://mesh.example/api" }, act),
  ];
  assert.ok(ending.ok && lasting.ok);
  assert.equal(ending.value.expiresAt?.getTime(), expiresAtMs);
  const again = await Registrations.follow(store, assert.ifError, act.signal);
  assert.deepEqual(again.entry(ending.value.id), ending.value);

  const life = new AbortController();
  let [nowMs, ahead] = [expiresAtMs - 1, true];
  let looks = 0;
  const clock = { now: () => new Date(nowMs) };
  const isAhead = () => {
    looks += 1;
    return ahead;
  };
  const running = expireEntries(
    { registrations, entries, clock, isAhead, onFailure: assert.ifError },
    life.signal,
  );
  ahead = false;
  await eventually("a look before its end", () => looks >= 2);
  assert.equal(registrations.count, 2);
  [nowMs, ahead, looks] = [expiresAtMs, true, 0];
  await eventually("a look with a wrong clock", () => looks >= 2);
  assert.equal(registrations.count, 2);
  ahead = false;
  await eventually("the entry to be gone", () => registrations.count === 1);
  assert.deepEqual([...registrations.all()], [lasting.value]);
  assert.deepEqual([events.at(-1)?.kind, events.at(-1)?.actor], ["entry.delete", "server"]);
  life.abort();
  await running;
});

test("an end that is over, or no time at all, is refused", async () => {
  const { entries, act } = await openEntries();
  for (const expiresAtMs of [Date.now() - 1, -1, 0.5, Number.NaN, 1e20]) {
    const made = await entries.create({ ...web, expiresAtMs }, act);
    assert.ok(!made.ok && made.error.code === "invalid", String(expiresAtMs));
    assert.match(made.error.flaws.join(), /^expiresAt: /);
  }
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
