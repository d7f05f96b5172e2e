/** Nodes come to the real server: join tokens and what is refused, entries of others, bans, kills; all of it recorded. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalLeafKeys } from "../../src/backends/node-crypto/local-leaf-keys.ts";
import { JoinTokenContact } from "../../src/backends/server-client/join-token-contact.ts";
import { ServerClient } from "../../src/backends/server-client/server-client.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { formatJoinToken, type JoinToken, parseJoinToken } from "../../src/domain/identity/join-token.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { readLogEntry } from "../../src/domain/ledger/log-entry.ts";
import { systemRandom } from "../../src/foundation/random.ts";
import { Mesh } from "../parts/mesh.ts";
import { projectRoot } from "../parts/parts.ts";

const trustDomain = "mesh.example" as TrustDomain;
const { signal } = new AbortController();
const keys = new LocalLeafKeys();
let mesh: Mesh;

beforeAll(async () => {
  mesh = await Mesh.start();
});
afterAll(() => mesh?.stop());

const admin = (...argv: string[]) => mesh.cli(...argv, "--admin", mesh.adminSocket) as Record<string, never>;
const createToken = (node: string): string => admin("token", "create", "--node", node).token ?? "";

function contactWith(tokenText: string): JoinTokenContact {
  const token = parseJoinToken(tokenText);
  if (!token.ok) throw new Error(token.error);
  const address = { host: "127.0.0.1", port: mesh.grpcPort };
  return new JoinTokenContact({ address, trustDomain, token: token.value, tokenText, knownRoots: undefined });
}

async function enrol(tokenText: string) {
  const { privateKey, csr } = await keys.make(signal);
  const contact = contactWith(tokenText);
  const { issued, bundle } = await contact.attest(csr, undefined, signal);
  return { ...issued, bundle, privateKey, spiffeId: contact.spiffeId };
}

/** What the ledger recorded of this kind, as the server's files have it. */
function recorded(kind: string): Record<string, unknown>[] {
  const ledger = new DatabaseSync(join(mesh.folder, "state/server/ledger.db"), { readOnly: true });
  try {
    const rows = ledger.prepare("SELECT body FROM entries WHERE outcome = 0 ORDER BY log_index").all();
    return rows.flatMap(({ body }) => {
      const entry = readLogEntry(body as Uint8Array);
      if (!entry.ok || entry.value.type !== "event" || entry.value.kind !== kind) return [];
      return [{ ...entry.value, detail: JSON.parse(entry.value.detail) }];
    });
  } finally {
    ledger.close();
  }
}

function clientOf(node: Awaited<ReturnType<typeof enrol>>): ServerClient {
  const { spiffeId, chain, privateKey, authorityKeyId, bundle } = node;
  const facts = keys.check({ chain, privateKey, spiffeId, anchors: bundle.anchors, now: new Date() });
  if (!facts.ok) throw new Error(facts.error);
  const svid = { spiffeId, chain, privateKey, authorityKeyId, entryId: "", hint: "", ...facts.value };
  const address = { host: "127.0.0.1", port: mesh.grpcPort };
  return new ServerClient(
    { address, programVersion: "test" },
    { credentials: { svid, obtainedAt: new Date() }, bundle },
  );
}

test("of five that come with one token at once one is let in; a later one is refused and recorded", async () => {
  const token = createToken("many");
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => enrol(token)));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  await expect(enrol(token)).rejects.toMatchObject({ code: "ATTESTATION_FAILED" });
  const reasons = recorded("agent.attestation-refused").map(({ detail }) => JSON.stringify(detail));
  expect(reasons.at(-1)).toContain("was used before");
});

test("a token outlives a kill -9 of the server, and the restarted server still knows who was let in", async () => {
  const token = createToken("patient");
  const before = await enrol(createToken("early"));
  await mesh.server.stop("SIGKILL");
  await mesh.server.start();
  const { spiffeId } = await enrol(token);
  expect(spiffeId).toBe("spiffe://mesh.example/meshmint/agent/join_token/patient");
  const client = clientOf(before);
  const { csr } = await keys.make(signal);
  expect((await client.renewNode(csr, signal)).chain.length).toBeGreaterThan(1);
  client.close();
});

/** `meshmint agent run` as a node of its own, with this token; what it ended with and said. */
function runAgent(tokenText: string) {
  const folder = mkdtempSync(join(mesh.folder, "stray-"));
  const token = join(folder, "token");
  writeFileSync(token, tokenText);
  const moved = readFileSync(join(mesh.folder, "etc/agent.yaml"), "utf8")
    .replace(/^stateDir: .*$/m, `stateDir: ${folder}/state`)
    .replace(/^ {2}path: .*$/m, `  path: ${folder}/agent.sock`)
    .replace(/^joinTokenFile: .*$/m, `joinTokenFile: ${token}`)
    .replace(/^ops: .*$/m, "ops: 127.0.0.1:0");
  writeFileSync(join(folder, "agent.yaml"), moved);
  const argv = ["agent", "run", "-c", join(folder, "agent.yaml")];
  return spawnSync(join(projectRoot, "bin/meshmint"), argv, { encoding: "utf8", timeout: 30_000 });
}

test("an agent with a used token tries it once, says what to do, and ends so that no restart tries it again", async () => {
  const token = createToken("twice");
  await enrol(token);
  const before = recorded("agent.attestation-refused").length;
  const { status, stderr, stdout } = runAgent(token);
  expect(status).toBe(4);
  expect(stderr).toMatch(/^meshmint: the server refused the join token: used, .*`meshmint token create`$/m);
  expect(recorded("agent.attestation-refused")).toHaveLength(before + 1);
  expect(stdout + stderr).not.toContain(token);
});

test("an agent with a token for another root never sends it, and says which two do not fit", async () => {
  const real = parseJoinToken(createToken("astray"));
  if (!real.ok) throw new Error(real.error);
  const before = recorded("agent.attestation-refused").length;
  const { status, stderr } = runAgent(formatJoinToken({ ...real.value, anchorSha256: "ab".repeat(32) }));
  expect(status).toBe(4);
  expect(stderr).toMatch(/^meshmint: the join token is for root abababab.*server\.address.*token create`$/m);
  expect(recorded("agent.attestation-refused")).toHaveLength(before);
});

test("an agent gets no leaf of another agent's entry, and the attempt is recorded; its own it gets", async () => {
  const node = await enrol(createToken("curious"));
  const entry = (id: string, parent: string) =>
    String(
      admin(
        "entry",
        "create",
        "--parent",
        parent,
        "--spiffe-id",
        `spiffe://mesh.example/${id}`,
        "--selector",
        "unix:uid:77",
      ).id,
    );
  const foreign = entry("theirs", "spiffe://mesh.example/meshmint/agent/join_token/node-1");
  const own = entry("own", node.spiffeId);
  const client = clientOf(node);
  const { csr } = await keys.make(signal);
  expect(await client.issue({ entryId: foreign, csr }, signal)).toMatchObject({
    ok: false,
    error: { code: "denied" },
  });
  expect(await client.issue({ entryId: own, csr }, signal)).toMatchObject({ ok: true });
  client.close();
  expect(recorded("issuance-refused").at(-1)).toMatchObject({ actor: node.spiffeId });
});

test("of a batch with 1 MiB of zeros, noise and a good request in it the good one is answered", async () => {
  const node = await enrol(createToken("careless"));
  const id = "spiffe://mesh.example/good";
  const order = ["--parent", node.spiffeId, "--spiffe-id", id, "--selector", "unix:uid:79"];
  const entryId = String(admin("entry", "create", ...order).id);
  const client = clientOf(node);
  const csrs = [new Uint8Array(1 << 20), systemRandom.bytes(500), (await keys.make(signal)).csr];
  const asked = csrs.map((csr) => client.issue({ entryId, csr: csr as Der }, signal));
  const invalid = { ok: false, error: { code: "invalid" } };
  expect(await Promise.all(asked)).toMatchObject([invalid, invalid, { ok: true }]);
  client.close();
});

test("a banned agent gets nothing more, on open streams either", async () => {
  const node = await enrol(createToken("stolen"));
  const own = admin(
    "entry",
    "create",
    "--parent",
    node.spiffeId,
    "--spiffe-id",
    "spiffe://mesh.example/s",
    "--selector",
    "unix:uid:78",
  );
  const client = clientOf(node);
  const { csr } = await keys.make(signal);
  const item = { entryId: String(own.id), csr };
  expect(await client.issue(item, signal)).toMatchObject({ ok: true });
  admin("agent", "ban", node.spiffeId, "--reason", "stolen");
  const again = await keys.make(signal);
  const refused = await client.issue({ ...item, csr: again.csr }, signal).catch(() => ({ ok: false }));
  expect(refused.ok).toBe(false);
  await expect(client.renewNode(csr, signal)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  client.close();
  await expect(enrol(createToken("stolen"))).rejects.toMatchObject({ code: "ATTESTATION_FAILED" });
});

test("a second server on the same state is refused and says why; the first goes on", async () => {
  const { status, stderr, stdout } = spawnSync(
    join(projectRoot, "bin/meshmint"),
    ["server", "run", "-c", join(mesh.folder, "etc/server.yaml")],
    { encoding: "utf8", timeout: 30_000, env: process.env },
  );
  expect(status).toBeGreaterThan(0);
  expect(stderr + stdout).toContain("another process uses");
  await enrol(createToken("after"));
});

test("the books agree after all of it", async () => {
  const found = admin("ledger", "verify") as Record<string, unknown>;
  expect(found).toMatchObject({ reconciled: true, differences: [] });
  const { journalLines, certificates, selfCheckFailed, signedNotRecorded } = found as Record<string, number>;
  expect(journalLines).toBe(certificates! + selfCheckFailed! + signedNotRecorded!);
});

test("who guesses is slowed down", async () => {
  const real = parseJoinToken(createToken("guessed"));
  if (!real.ok) throw new Error(real.error);
  const guess = (): JoinToken => ({ ...real.value, secret: systemRandom.bytes(32) });
  const codes: string[] = [];
  for (let attempt = 0; attempt < 15; attempt += 1) {
    await enrol(formatJoinToken(guess())).catch((thrown: { code: string }) => codes.push(thrown.code));
  }
  expect(codes[0]).toBe("ATTESTATION_FAILED");
  expect(codes.at(-1)).toBe("QUEUE_FULL");
});
