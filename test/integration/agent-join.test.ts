import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatJoinToken } from "../../src/domain/identity/join-token.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import { sha256Hex } from "../../src/foundation/digest.ts";
import { AgentServer, agentId } from "../fakes/agent-server.ts";
import { AgentFolder, fetchSvids, WorkloadWatch } from "../parts/agent-run.ts";
import { eventually } from "../parts/eventually.ts";
import { projectRoot } from "../parts/parts.ts";
import { accepts, Program } from "../parts/program.ts";

let server: AgentServer;
let agent: AgentFolder;

beforeEach(async () => {
  server = new AgentServer();
  await server.start();
  agent = new AgentFolder();
});
afterEach(async () => {
  await agent.remove();
  server.stop();
});

const started = async () => {
  agent.configure(server.port, server.tokenText);
  await agent.start();
};
test("it restarts with its stored node SVID, without a token, and nobody else may read the key", async () => {
  server.register({ id: "web" });
  await started();
  await fetchSvids(agent.socket);
  await agent.stop();
  const state = join(agent.folder, "state");
  expect(statSync(join(state, "node.json")).mode & 0o777).toBe(0o600);
  server.isTokenGood = false;
  agent.configure(server.port, undefined);
  await agent.start();
  const { svids } = await fetchSvids(agent.socket);
  const key = svids[0]!.x509SvidKey.toString("base64");
  for (const name of readdirSync(state)) {
    expect(readFileSync(join(state, name)).includes(key)).toBe(false);
  }
});

test("without a token, or with one that was used, the first start is refused", async () => {
  agent.configure(server.port, undefined);
  expect(await agent.failure()).toMatchObject({ code: "ATTESTATION_FAILED" });
  server.isTokenGood = false;
  agent.configure(server.port, server.tokenText);
  expect(await agent.failure()).toMatchObject({ code: "ATTESTATION_FAILED" });
  agent.configure(server.port, "mmj1.x.y.z");
  expect(await agent.failure()).toMatchObject({ code: "CONFIG_INVALID" });
});

test("a token of another root is refused before it is sent", async () => {
  const secret = new Uint8Array(32).fill(7);
  agent.configure(
    server.port,
    formatJoinToken({ nodeId: "node-1", anchorSha256: sha256Hex("other"), secret }),
  );
  expect(await agent.failure()).toMatchObject({ code: "ATTESTATION_FAILED" });
});

test("who shows the right root beside its own is not trusted with the token", async () => {
  const honest = server;
  server = new AgentServer();
  server.shownAnchors = [server.issuer.root, honest.issuer.root];
  await server.start();
  honest.stop();
  let saw = 0;
  server.rig.pipeline.issue = () => {
    saw += 1;
    throw new Error("the token arrived");
  };
  agent.configure(server.port, honest.tokenText);
  await agent.start();
  const watch = WorkloadWatch.svids(agent.socket);
  await eventually("Unavailable", () => watch.failure?.code === 14);
  watch.close();
  expect(saw).toBe(0);
});

test("a server by another SPIFFE ID is not talked to", async () => {
  server.stop();
  server.serverName = "spiffe://mesh.test/meshmint/agent/join_token/evil" as SpiffeId;
  await server.start();
  const own = server.rig.ledger.intents.length;
  agent.configure(server.port, server.tokenText);
  await agent.start();
  const watch = WorkloadWatch.svids(agent.socket);
  await eventually("Unavailable", () => watch.failure?.code === 14);
  watch.close();
  expect(server.rig.ledger.intents).toHaveLength(own);
});

test("E7: one agent serves a node: a second one on the same state folder is refused", async () => {
  await started();
  expect(await agent.failure()).toMatchObject({ code: "STORE_IN_USE" });
});

test("after kill -9 it still knows to whom it gave what", async () => {
  server.register({ id: "web" });
  agent.configure(server.port, server.tokenText);
  const program = new Program({
    name: "agent",
    command: join(projectRoot, "bin/meshmint"),
    argv: ["agent", "run", "-c", agent.configFile],
    isReady: () => accepts(agent.socket),
  });
  try {
    await program.start();
    const { svids } = await fetchSvids(agent.socket);
    const serial = new X509Certificate(svids[0]!.x509Svid).serialNumber.toLowerCase();
    await program.stop("SIGKILL");
    server.reports.length = 0;
    await program.start();
    await eventually("a full report", () => server.reports[0]);
    const [first] = server.reports;
    expect(first).toMatchObject({ full: true });
    const mine = first!.holders.find(({ pid }) => pid === process.pid);
    expect(mine).toMatchObject({ agentId, gone: false });
    expect(mine?.secrets.map(({ deliveredSerial }) => deliveredSerial)).toContain(serial);
  } finally {
    await program.stop("SIGKILL");
  }
});
