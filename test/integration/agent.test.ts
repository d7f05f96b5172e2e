import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { credentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256Hex } from "../../src/foundation/digest.ts";
import { seconds } from "../../src/foundation/duration.ts";
import { SecretDiscoveryService } from "../../src/wire/sds-api.ts";
import { AgentServer, agentId } from "../fakes/agent-server.ts";
import { softwareAuthority } from "../fakes/software-authority.ts";
import { AgentFolder, fetchSvids, WorkloadWatch } from "../parts/agent-run.ts";
import { eventually } from "../parts/eventually.ts";
import { freePorts } from "../parts/free-ports.ts";

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
const holders = () => server.reports.flatMap((report) => report.holders);

test("a workload gets its SVID, key and bundle, and is recorded before and after", async () => {
  server.register({ id: "web", hint: "main" });
  await started();
  const { svids, federatedBundles } = await fetchSvids(agent.socket);
  expect(svids).toHaveLength(1);
  const [svid] = svids;
  const leaf = new X509Certificate(svid!.x509Svid);
  expect(leaf.subjectAltName).toBe("URI:spiffe://mesh.test/web");
  expect(
    leaf.checkPrivateKey(createPrivateKey({ key: svid!.x509SvidKey, format: "der", type: "pkcs8" })),
  ).toBe(true);
  expect(Buffer.from(svid!.bundle)).toEqual(Buffer.from(server.issuer.root));
  expect([svid!.spiffeId, svid!.hint, federatedBundles]).toEqual(["spiffe://mesh.test/web", "main", {}]);
  await eventually("a report of the holder", () =>
    holders().some(
      ({ pid, secrets }) =>
        pid === process.pid &&
        secrets.some(
          ({ grade, acceptedAnchors }) =>
            grade === "GRADE_DELIVERED" && acceptedAnchors[0] === sha256Hex(server.issuer.root),
        ),
    ),
  );
  expect(server.reports[0]).toMatchObject({ full: true, acceptance: null });
  const acceptance = server.reports.find((report) => report.acceptance)?.acceptance;
  expect(acceptance).toEqual({ bundleSequence: "1", acceptedAnchors: [sha256Hex(server.issuer.root)] });
});

test("no private key crosses the wire to the server", async () => {
  server.register({ id: "web" });
  await started();
  const { svids } = await fetchSvids(agent.socket);
  await eventually("the delivery is reported", () => holders().length > 0);
  const key = createPrivateKey({ key: Buffer.from(svids[0]!.x509SvidKey), format: "der", type: "pkcs8" });
  const { d = "", x = "" } = key.export({ format: "jwk" });
  const sent = Buffer.concat(server.received);
  // The public half is there, in the CSR: whoever looks for the private one in the same way would find it.
  expect(sent.includes(Buffer.from(x, "base64url"))).toBe(true);
  for (const form of [
    Buffer.from(d, "base64url"),
    Buffer.from(d),
    Buffer.from(Buffer.from(d, "base64url").toString("hex")),
  ]) {
    expect(form.length).toBeGreaterThan(31);
    expect(sent.includes(form)).toBe(false);
  }
});

test("registrations come, change and go within a second on an open stream", async () => {
  server.register({ id: "web" });
  await started();
  await fetchSvids(agent.socket);
  const watch = WorkloadWatch.svids(agent.socket);
  await eventually("the first message", () => watch.last);
  const before = performance.now();
  server.register({ id: "api", priority: 5 });
  await eventually("both identities", () => watch.last?.svids.length === 2);
  expect(performance.now() - before).toBeLessThan(1000);
  expect(watch.last?.svids.map(({ spiffeId }) => spiffeId)).toEqual([
    "spiffe://mesh.test/api",
    "spiffe://mesh.test/web",
  ]);
  server.register({ id: "other", selectors: ["unix:uid:1"] });
  server.remove("api");
  await eventually("one identity", () => watch.last?.svids.length === 1);
  expect(watch.messages).toHaveLength(3);
  server.remove("web");
  await eventually("the end", () => watch.failure);
  expect(watch.failure).toMatchObject({ code: 7, details: "no identity issued" });
});

test("selectors are those of the calling process, down to the hash of its program", async () => {
  const path = process.execPath;
  const sha256 = sha256Hex(readFileSync(path));
  const uid = `unix:uid:${process.getuid?.()}`;
  server.register({ id: "web", selectors: [uid, `unix:path:${path}`] });
  server.register({ id: "wrong", selectors: [uid, "unix:path:/bin/false"] });
  await started();
  const watch = WorkloadWatch.svids(agent.socket);
  const names = () => watch.last?.svids.map(({ spiffeId }) => spiffeId.split("/").at(-1)).join();
  await eventually("web", async () => names() === "web");
  // A hash is looked at only from the moment that an entry asks for one, on streams that are open too.
  server.register({ id: "hashed", selectors: [uid, `unix:sha256:${sha256}`], priority: 1 });
  server.register({ id: "forged", selectors: [uid, `unix:sha256:${sha256Hex("x")}`], priority: 2 });
  await eventually("hashed, then web", () => names() === "hashed,web");
  watch.close();
});

test("SDS gives the same identity to the same process", async () => {
  server.register({ id: "web" });
  await started();
  const { svids } = await fetchSvids(agent.socket);
  const client = new SecretDiscoveryService(`unix:${agent.socket}`, credentials.createInsecure());
  const request = { node: { id: "proxy-1" }, resourceNames: ["default", "ROOTCA"] };
  const answer = await new Promise<string[]>((resolve, reject) =>
    client.FetchSecrets(request, (error, reply) =>
      error ? reject(error) : resolve((reply?.resources ?? []).map((one) => JSON.stringify(one))),
    ),
  );
  client.close();
  expect(answer).toHaveLength(2);
  expect(svids).toHaveLength(1);
  await eventually("an SDS holder in a report", () =>
    holders().some(
      ({ kind, label, secrets }) => kind === "HOLDER_KIND_SDS" && label === "proxy-1" && secrets.length === 2,
    ),
  );
});

test("while the server is away it serves what it holds, and catches up when the server is back", async () => {
  server.register({ id: "web" });
  [agent.opsPort = 0] = await freePorts(1);
  await started();
  const before = await fetchSvids(agent.socket);
  const ops = async (path: string) => (await fetch(`http://127.0.0.1:${agent.opsPort}${path}`)).text();
  expect(await ops("/metrics")).toContain("\nmeshmint_agent_server_connected 1\n");
  server.stop();
  await eventually("the metric says so", async () =>
    (await ops("/metrics")).includes("\nmeshmint_agent_server_connected 0\n"),
  );
  expect(JSON.parse(await ops("/ready"))).toEqual({ ready: true, reasons: [] });
  const during = await fetchSvids(agent.socket);
  expect(during).toEqual(before);
  server.register({ id: "api", priority: 9 });
  await server.start();
  await eventually("the new registration", async () => (await fetchSvids(agent.socket)).svids.length === 2);
});

test("another authority: node SVID and leaf are replaced, the agent accepts after it has reported all", async () => {
  server.register({ id: "web" });
  await started();
  const watch = WorkloadWatch.svids(agent.socket);
  await eventually("a first SVID", async () => {
    if (watch.failure) throw watch.failure;
    return watch.last;
  });
  const next = softwareAuthority();
  server.rig.signer.add(next);
  server.anchors = [next.root, server.issuer.root];
  server.sequence = 2;
  server.changed();
  await eventually(
    "both anchors",
    () => watch.last?.svids[0]?.bundle.length === next.root.length + server.issuer.root.length,
  );
  await eventually("the acceptance", () =>
    server.reports.some(({ acceptance }) => acceptance?.bundleSequence === "2"),
  );
  const at = server.reports.findIndex(({ acceptance }) => acceptance?.bundleSequence === "2");
  expect(server.reports.slice(0, at).filter(({ full }) => full)).toHaveLength(2);
  server.issuer = next;
  server.changed();
  const authority = () => new X509Certificate(watch.last!.svids[0]!.x509Svid);
  await eventually("a leaf under the new authority", () =>
    authority().checkIssued(new X509Certificate(next.authority.certificate)),
  );
  const under = server.rig.ledger.intents.filter((one) => one.authorityKeyId === next.authority.keyId);
  expect(under.map(({ spiffeId }) => spiffeId).sort()).toEqual([agentId, "spiffe://mesh.test/web"]);
  await eventually(
    "the old leaves are reported as superseded",
    () => server.reports.flatMap(({ supersededSerials }) => supersededSerials).length >= 2,
  );
  watch.close();
});

test("R24: when a key is lost the agent hears of it, and replaces first what would end last", async () => {
  for (const [id, minutes] of [
    ["brief", 10],
    ["longest", 30],
    ["long", 20],
  ] as const)
    server.register({ id, x509Ttl: seconds(minutes * 60) });
  await started();
  await eventually("three SVIDs", async () => (await fetchSvids(agent.socket)).svids.length === 3);
  const next = softwareAuthority({ beside: server.issuer });
  server.rig.signer.add(next);
  const [settled, { keyId }] = [server.rig.ledger.intents.length, next.authority];
  [server.issuer, server.emergency, server.spreadMs] = [next, true, 2000];
  server.changed();
  const under = () => server.rig.ledger.intents.slice(settled).filter((one) => one.authorityKeyId === keyId);
  await eventually("all four under the next authority", () => under().length === 4);
  expect(under().map(({ spiffeId }) => spiffeId)).toEqual([
    agentId,
    ...["longest", "long", "brief"].map((id) => `spiffe://mesh.test/${id}`),
  ]);
});
