import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { SqlAgentStore } from "../../../src/backends/store/agent-store.ts";
import { SqlJoinTokenStore } from "../../../src/backends/store/join-token-store.ts";
import { AgentDirectory } from "../../../src/control/enrolment/agent-directory.ts";
import { JoinTokenAttestor } from "../../../src/control/enrolment/join-token-attestor.ts";
import { JoinTokens } from "../../../src/control/enrolment/join-tokens.ts";
import { NodeEnrolment, type NodeSvidMinter } from "../../../src/control/enrolment/node-enrolment.ts";
import type { LedgerEvent } from "../../../src/control/ledger/ledger-writer.ts";
import { formatJoinToken, parseJoinToken } from "../../../src/domain/identity/join-token.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../../src/domain/identity/trust-domain.ts";
import { hours, seconds } from "../../../src/foundation/duration.ts";
import { Fault } from "../../../src/foundation/fault.ts";
import { systemRandom } from "../../../src/foundation/random.ts";
import { ok, refused } from "../../../src/foundation/result.ts";
import { openStoreIn, temporaryFolder } from "./temporary-store.ts";

const { signal } = new AbortController();
const act = { actor: "unix:uid=0", signal };
const trustDomain = "mesh.example" as TrustDomain;
const nodeOne = "spiffe://mesh.example/meshmint/agent/join_token/n1" as SpiffeId;

async function openScene(folder = temporaryFolder()) {
  const database = await openStoreIn(folder);
  const time = { now: new Date("2026-11-22T12:00:00Z") };
  const clock = { now: () => time.now };
  const pass = (ms: number) => {
    time.now = new Date(time.now.getTime() + ms);
  };
  const events: LedgerEvent[] = [];
  const ledger = { recordEvent: async (event: LedgerEvent) => void events.push(event) };
  const store = new SqlJoinTokenStore({ database });
  const base = { ledger, clock, random: systemRandom };
  const tokens = new JoinTokens({ ...base, store, anchorSha256: () => "ab".repeat(32) });
  const directory = await AgentDirectory.load(
    { store: new SqlAgentStore({ database }), ledger, clock },
    signal,
  );
  let serial = 0;
  const mint: NodeSvidMinter["admitNode"] = async () => {
    serial += 1;
    return ok({ chain: [], authorityKeyId: "aa", serial: `0${serial}`, notAfter: new Date() });
  };
  const minter = { admitNode: mint, renewNode: mint };
  const attestor = new JoinTokenAttestor({ ...base, tokens: store, trustDomain });
  const enrolment = new NodeEnrolment({ attestors: [attestor], directory, minter, ledger, clock });
  const attest = (text: string, source = "10.0.0.1") => {
    const payload = new TextEncoder().encode(text);
    const challenge = async () => refused("nobody is asked");
    const evidence = { payload, csr: new Uint8Array(), challenge };
    return enrolment.attest({ attestor: "join_token", ...evidence, source }, signal);
  };
  const create = async (nodeId = "n1") => {
    const created = await tokens.create({ nodeId, ttl: hours(1) }, act);
    assert.ok(created.ok);
    return created.value;
  };
  return { database, tokens, directory, minter, enrolment, attest, create, events, ledger, pass, folder };
}

test("a token admits its node once; the second attempt is refused and recorded", async () => {
  const { attest, create, directory, events, tokens } = await openScene();
  const { text } = await create();
  const first = await attest(text);
  assert.ok(first.ok);
  assert.equal(directory.find(nodeOne)?.svidSerial, "01");
  assert.ok(directory.isIn(nodeOne));
  assert.deepEqual(await attest(text), { ok: false, error: { code: "denied" } });
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["token.create", "agent.attested", "agent.attestation-refused"],
  );
  assert.match(String(events[2]?.detail.reason), /was used before/);
  assert.equal((await tokens.list(signal))[0]?.state, "used");
});

test("of many concurrent attempts with one token exactly one gets an SVID", async () => {
  const { attest, create, minter } = await openScene();
  const { text } = await create();
  let minted = 0;
  const mint = minter.admitNode;
  minter.admitNode = async (...args) => {
    minted += 1;
    return await mint(...args);
  };
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, (_, index) => attest(text, `10.0.0.${index}`)),
  );
  assert.equal(outcomes.filter((outcome) => outcome.ok).length, 1);
  assert.equal(minted, 1);
});

test("an attempt that got no SVID gives the token back; one that died with its server lets go of it in time", async () => {
  const { attest, create, minter, pass } = await openScene();
  const { text } = await create();
  const mint = minter.admitNode;
  minter.admitNode = async () => refused({ code: "retry", retryAfterMs: 5 });
  assert.deepEqual(await attest(text), { ok: false, error: { code: "retry", retryAfterMs: 5 } });
  minter.admitNode = () => Promise.reject(new Error("the HSM is away"));
  await assert.rejects(attest(text), /HSM/);
  const begun = Promise.withResolvers<void>();
  minter.admitNode = () => {
    begun.resolve();
    return new Promise(() => {}); // as if the server was killed
  };
  void attest(text);
  await begun.promise;
  minter.admitNode = mint;
  const during = await attest(text);
  assert.ok(!during.ok && during.error.code === "retry");
  pass(31_000);
  assert.ok((await attest(text)).ok);
});

test("whoever lost its claim does not hand out the SVID that it minted", async () => {
  const { attest, create, minter, pass } = await openScene();
  const { text } = await create();
  const mint = minter.admitNode;
  const slow = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  minter.admitNode = async (...args) => {
    begun.resolve();
    await slow.promise;
    return await mint(...args);
  };
  const first = attest(text);
  await begun.promise;
  minter.admitNode = mint;
  pass(31_000);
  assert.ok((await attest(text)).ok);
  slow.resolve();
  assert.equal((await first).ok, false);
});

test("refused: expired, revoked, guessed, for another node, for another root, damaged; each with its reason", async () => {
  const { attest, create, tokens, events, pass } = await openScene();
  const mine = await create();
  const parsed = parseJoinToken(mine.text);
  assert.ok(parsed.ok);
  const revoked = await create("n2");
  assert.ok((await tokens.revoke(revoked.record.id, act)).ok);
  const cases: [string, RegExp][] = [
    [formatJoinToken({ ...parsed.value, secret: systemRandom.bytes(32) }), /no such join token/],
    [formatJoinToken({ ...parsed.value, nodeId: "n9" }), /is for node n1/],
    [formatJoinToken({ ...parsed.value, anchorSha256: "cd".repeat(32) }), /names another root/],
    [revoked.text, /is revoked/],
    ["mmj1.x", /a join token is/],
  ];
  for (const [text, reason] of cases) {
    assert.deepEqual(await attest(text), { ok: false, error: { code: "denied" } });
    assert.match(String(events.at(-1)?.detail.reason), reason);
  }
  pass(3_600_000);
  assert.deepEqual(await attest(mine.text), { ok: false, error: { code: "denied" } });
  assert.match(String(events.at(-1)?.detail.reason), /expired at/);
});

test("a revocation that cannot be recorded does not happen; one that is refused is recorded too", async () => {
  const { attest, create, tokens, events, ledger } = await openScene();
  const { text, record } = await create();
  const { recordEvent } = ledger;
  ledger.recordEvent = async () => {
    throw new Fault("LEDGER_FAILED", "full");
  };
  await assert.rejects(tokens.revoke(record.id, act), { code: "LEDGER_FAILED" });
  ledger.recordEvent = recordEvent;
  assert.ok((await attest(text)).ok);
  assert.deepEqual(await tokens.revoke(record.id, act), { ok: false, error: "used" });
  assert.deepEqual(
    events.slice(-2).map(({ kind, detail }) => [kind, detail]),
    [
      ["token.revoke", { id: record.id }],
      ["token.revoke.refused", { id: record.id, reason: "used" }],
    ],
  );
});

test("a source that keeps guessing is slowed down, others are not", async () => {
  const { attest, create, events, pass } = await openScene();
  const { text } = await create();
  for (let guess = 0; guess < 10; guess += 1) await attest("mmj1.guess");
  const slowed = await attest(text);
  assert.ok(!slowed.ok && slowed.error.code === "retry");
  assert.equal(events.filter(({ kind }) => kind === "agent.attestation-refused").length, 10);
  assert.ok((await attest(text, "10.0.0.2")).ok);
  pass(60_000);
  assert.deepEqual(await attest("mmj1.guess"), { ok: false, error: { code: "denied" } });
});

test("the secret is in no file of the store and in no event", async () => {
  const { create, folder, events, database } = await openScene();
  const { text } = await create();
  const parsed = parseJoinToken(text);
  assert.ok(parsed.ok);
  const secret = Buffer.from(parsed.value.secret);
  const part = text.split(".")[3] ?? "";
  await database.selectFrom("join_tokens").selectAll().execute();
  for (const name of ["store.db", "store.db-wal"]) {
    const bytes = readFileSync(join(folder, name));
    assert.ok(
      !bytes.includes(secret) && !bytes.includes(part) && !bytes.includes(secret.toString("hex")),
      name,
    );
  }
  assert.ok(!JSON.stringify(events).includes(part));
});

test("refused at creation: no node ID, no lifetime, too long a lifetime", async () => {
  const { tokens } = await openScene();
  for (const [nodeId, ttl] of [
    ["a/b", hours(1)],
    ["", hours(1)],
    ["n1", seconds(0)],
    ["n1", hours(200)],
  ] as const) {
    assert.equal((await tokens.create({ nodeId, ttl }, act)).ok, false);
  }
});
