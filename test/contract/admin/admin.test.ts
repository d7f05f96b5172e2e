import assert from "node:assert/strict";
import { test } from "vitest";
import { parseJoinToken } from "../../../src/domain/identity/join-token.ts";
import type { SpiffeId } from "../../../src/domain/identity/spiffe-id.ts";
import { raiseAdmin, roleBearer } from "./admin-rig.ts";

const agent = "spiffe://mesh.example/meshmint/agent/join_token/n1" as SpiffeId;
const create = ["entry", "create", "--parent", agent, "--selector", "unix:uid:1000", "--spiffe-id"];
const web = "spiffe://mesh.example/web";

test("an entry lives through create, show, list, update and delete", async () => {
  const { cli } = await raiseAdmin();
  const made = await cli(
    ...create,
    web,
    "--ttl",
    "30m",
    "--dns",
    "web.mesh.example",
    "--label",
    "tier=front",
  );
  assert.equal(made.exitCode, 0);
  const { id } = made.reply;
  assert.partialDeepStrictEqual(made.reply, {
    spiffeId: web,
    parentId: agent,
    x509TtlSeconds: 1800,
    revision: 1,
  });
  assert.deepEqual((await cli("entry", "show", id)).reply, made.reply);
  const updated = await cli("entry", "update", id, "--priority", "5");
  assert.deepEqual(updated.reply, { ...made.reply, priority: 5, revision: 2 });
  assert.deepEqual((await cli("entry", "list", "--parent", agent)).reply.entries, [updated.reply]);
  assert.deepEqual((await cli("entry", "list", "--parent", `${agent}0`)).reply.entries, []);
  assert.equal((await cli("entry", "delete", id)).exitCode, 0);
  const gone = await cli("entry", "show", id);
  assert.deepEqual([gone.exitCode, gone.error.code], [1, "NOT_FOUND"]);
});

test("a filter that is no SPIFFE ID is refused, not answered with an empty list", async () => {
  const { cli } = await raiseAdmin();
  for (const filter of ["--parent", "--spiffe-id"]) {
    const { exitCode, error } = await cli("entry", "list", filter, "node-1");
    assert.deepEqual([exitCode, error.code], [2, "INVALID_ARGUMENT"]);
  }
});

test("a list of more than one page is whole, each entry once", async () => {
  const { cli, ports } = await raiseAdmin();
  const { signal } = new AbortController();
  const base = { parentId: agent, x509Ttl: 0, dnsNames: [], hint: "", priority: 0, labels: {}, tenant: "" };
  for (let index = 0; index < 1100; index += 1) {
    const input = { ...base, spiffeId: `${web}${index}`, selectors: ["unix:uid:1"] };
    assert.ok((await ports.entries.create(input, { actor: "a", signal })).ok);
  }
  const { entries } = (await cli("entry", "list")).reply;
  assert.equal(new Set(entries.map((entry: { id: string }) => entry.id)).size, 1100);
});

test("what is wrong with an entry is told field by field; twice the same is a conflict", async () => {
  const { cli } = await raiseAdmin();
  const flawed = ["--spiffe-id", "spiffe://other.example/x", "--parent", "node-1", "--selector", "uid"];
  const wrong = await cli("entry", "create", ...flawed);
  assert.deepEqual([wrong.exitCode, wrong.error.code], [2, "INVALID_ARGUMENT"]);
  for (const field of ["spiffeId:", "parentId:", "selectors:"])
    assert.ok(wrong.error.message.includes(field));
  await cli(...create, web);
  assert.equal((await cli(...create, web)).error.code, "STORE_CONFLICT");
});

test("an ID that bears a role can be registered on the server's own socket alone", async () => {
  const { cli, ports } = await raiseAdmin();
  const entry = { spiffeId: roleBearer, parentId: agent, selectors: ["unix:uid:1"], x509Ttl: 0 };
  const input = { ...entry, dnsNames: [], hint: "", priority: 0, labels: {}, tenant: "" };
  const remote = await ports.entries.create(input, { actor: web, signal: new AbortController().signal });
  assert.ok(!remote.ok && remote.error.code === "invalid");
  assert.equal((await cli(...create, roleBearer)).exitCode, 0);
});

test("a token is shown once, listed without its secret, and revoked", async () => {
  const { cli, ledger } = await raiseAdmin();
  const made = await cli("token", "create", "--node", "n1", "--ttl", "5m");
  assert.ok(parseJoinToken(made.reply.token).ok);
  const listed = await cli("token", "list");
  assert.partialDeepStrictEqual(listed.reply.tokens, [
    { token: "", nodeId: "n1", state: "unused", id: made.reply.id },
  ]);
  assert.equal((await cli("token", "revoke", made.reply.id)).exitCode, 0);
  assert.equal((await cli("token", "list")).reply.tokens[0].state, "revoked");
  assert.equal((await cli("token", "revoke", "nobody")).error.code, "NOT_FOUND");
  assert.equal((await cli("token", "create", "--node", "a/b")).error.code, "INVALID_ARGUMENT");
  const { entries } = await ledger.reader.counts(new AbortController().signal);
  // Creation, revocation, and the attempt on an unknown token: recorded as an intent before it is tried, then as refused.
  assert.equal(entries, 4, "every act is in the ledger before it is in the store");
});

test("agents are listed and banned, with a reason", async () => {
  const { cli, ports } = await raiseAdmin();
  const svid = { serial: "01ab", notAfter: new Date("2026-12-01T00:00:00Z") };
  await ports.agents.attested({ id: agent, attestor: "join_token", svid }, new AbortController().signal);
  const shown = (await cli("agent", "show", agent)).reply;
  assert.partialDeepStrictEqual(shown, {
    spiffeId: agent,
    connected: false,
    banned: false,
    svidSerial: "01ab",
  });
  assert.equal((await cli("agent", "ban", agent, "--reason", "")).error.code, "INVALID_ARGUMENT");
  assert.equal((await cli("agent", "ban", agent, "--reason", "stolen")).exitCode, 0);
  assert.equal((await cli("agent", "list")).reply.agents[0].banned, true);
  assert.equal((await cli("agent", "ban", `${agent}0`, "--reason", "x")).error.code, "NOT_FOUND");
});

test("a user who is not an admin may do nothing, and is noticed", async () => {
  const { cli, events } = await raiseAdmin([]);
  const refused = await cli("token", "list");
  assert.deepEqual([refused.exitCode, refused.error.code], [1, "PERMISSION_DENIED"]);
  assert.partialDeepStrictEqual(events, [{ kind: "denied", method: "ListTokens" }]);
});

test("ledger verify: reconciled is exit 0, a difference exit 1", async () => {
  const { cli, ledger } = await raiseAdmin();
  const good = await cli("ledger", "verify");
  assert.deepEqual([good.exitCode, good.reply.reconciled, good.reply.certificates], [0, true, 0]);
  const { madeLeaf } = await import("../ledger/made-leaf.ts");
  const leaf = madeLeaf("ab".repeat(20));
  const { signal } = new AbortController();
  await ledger.writer.recordIntents([leaf.intent], signal);
  await ledger.writer.recordOutcomes([leaf.issued], signal);
  const bad = await cli("ledger", "verify");
  assert.deepEqual([bad.exitCode, bad.reply.reconciled, bad.reply.certificates], [1, false, 1]);
  assert.match(bad.reply.differences[0], /no line for it/);
});
