/** Nodes that prove themselves to the real server without a join token, lose what they have, and prove themselves again. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServerClient } from "../../src/backends/server-client/server-client.ts";
import { NodeFiles } from "../../src/backends/state-dir/node-files.ts";
import { oid } from "../../src/domain/certificate/oid.ts";
import { newP256Csr } from "../fakes/csr-maker.ts";
import { authority, certify, newKey, type PkiCertificate } from "../fakes/node-pki.ts";
import { fetchSvids } from "../parts/agent-run.ts";
import { AttestingNode } from "../parts/attesting-node.ts";
import { eventually } from "../parts/eventually.ts";
import { Mesh } from "../parts/mesh.ts";
import { newSigningKey, OidcIssuer, podClaims } from "../parts/oidc-issuer.ts";

const root = authority();
const issuing = authority({ pathLength: 0 }, root);
let mesh: Mesh;
let issuer: OidcIssuer;
const nodes: AttestingNode[] = [];

beforeAll(async () => {
  issuer = await OidcIssuer.start();
  mesh = await Mesh.start({
    adjust: (file, text) => (file === "server.yaml" ? text + serverSections(text) : text),
  });
});
afterAll(async () => {
  for (const { agent } of nodes) await agent.remove();
  await mesh?.stop();
  await issuer?.stop();
});

/** The PKI's root lies beside the server's state. */
function serverSections(text: string): string {
  const state = /^stateDir: (.*)$/m.exec(text)?.[1] ?? "";
  writeFileSync(join(state, "machines.pem"), root.pem);
  writeFileSync(join(state, "issuer-ca.pem"), issuer.caPem);
  const keys = `issuer: "${issuer.url}", audience: meshmint, caFile: ${state}/issuer-ca.pem`;
  return `
svids: { nodeTtl: 20s }
nodeAttestation:
  x509pop: { caFiles: [${state}/machines.pem], agentId: "{subject.commonName}" }
  oidc: [{ name: hosts, ${keys}, rules: [{ claim: sub, startsWith: "host-" }], agentId: "{sub}" }]
  k8sPsat: [{ name: prod, ${keys}, serviceAccounts: ["meshmint:agent"] }]
`;
}

const machine = (name: string): PkiCertificate =>
  certify(
    { key: newKey(name.startsWith("rsa") ? "RSA" : "P-256"), subject: [[oid.commonName, name]] },
    issuing,
  );

function x509popNode(name: string, certificate = machine(name)): AttestingNode {
  const [certificateFile, keyFile] = ["pem", "key"].map((kind) =>
    join(mesh.folder, `state/join/${name}.${kind}`),
  );
  writeFileSync(certificateFile!, certificate.pem + issuing.pem);
  writeFileSync(keyFile!, certificate.keyPem, { mode: 0o600 });
  const x509pop = `{ x509pop: { certificateFile: ${certificateFile}, keyFile: ${keyFile} } }`;
  const node = new AttestingNode(mesh, name, x509pop);
  nodes.push(node);
  return node;
}

const registerAt = (parent: string, name: string): void => {
  const uid = `unix:uid:${process.getuid?.()}`;
  mesh.cli(
    "entry",
    "create",
    "--parent",
    parent,
    "--spiffe-id",
    `spiffe://mesh.example/${name}`,
    "--selector",
    uid,
  );
};
const svidAt = async ({ socket }: AttestingNode): Promise<string> =>
  (await fetchSvids(socket)).svids[0]?.spiffeId ?? "";

test("nodes with certificates of another PKI join, with ECDSA and RSA keys, and serve their workloads", async () => {
  for (const name of ["ec-1", "rsa-1"]) {
    const node = x509popNode(name);
    const id = await node.join();
    expect(id).toBe(`spiffe://mesh.example/meshmint/agent/x509pop/${name}`);
    registerAt(id, `on-${name}`);
    await eventually(`an SVID on ${name}`, async () => (await svidAt(node)).endsWith(`/on-${name}`));
  }
});

test("a node of another authority is refused with nothing said, and the ledger has the reason", async () => {
  const stranger = certify({ subject: [[oid.commonName, "ec-1"]] }, authority());
  const node = x509popNode("stranger", stranger);
  await node.agent.start();
  await eventually("the refusal", () => node.agent.log.includes("refused this node's x509pop attestation"));
  expect(node.agent.log).not.toContain("configured authorities");
  expect(node.held).toEqual([]);
  const found = JSON.stringify(mesh.cli("ledger", "search", "--kind", "agent.attestation-refused"));
  expect(found).toContain("not issued by the next");
  await node.agent.stop();
});

/** A node whose token file holds this. */
function tokenNode(kind: "oidc" | "k8sPsat", name: string, token: string): AttestingNode {
  const tokenFile = join(mesh.folder, `state/join/${name}.jwt`);
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  const node = new AttestingNode(mesh, name, `{ ${kind}: { tokenFile: ${tokenFile} } }`);
  nodes.push(node);
  return node;
}

const refusals = () => JSON.stringify(mesh.cli("ledger", "search", "--kind", "agent.attestation-refused"));

test("nodes with tokens of an OIDC issuer: by discovery, while it is down, and after its key was replaced", async () => {
  const old = issuer.keys[0]!;
  const hosts = "spiffe://mesh.example/meshmint/agent/oidc/hosts";
  const first = tokenNode("oidc", "host-1", await issuer.token({ sub: "host-1" }));
  expect(await first.join()).toBe(`${hosts}/host-1`);
  expect(first.agent.log).not.toContain((await issuer.token()).slice(0, 20));
  issuer.fail(503);
  expect(await tokenNode("oidc", "host-2", await issuer.token({ sub: "host-2" })).join()).toBe(
    `${hosts}/host-2`,
  );
  issuer.fail(undefined);
  issuer.keys = [await newSigningKey("RS256", "key-2")];
  expect(await tokenNode("oidc", "host-3", await issuer.token({ sub: "host-3" })).join()).toBe(
    `${hosts}/host-3`,
  );
  const late = tokenNode("oidc", "host-4", await issuer.token({ sub: "host-4" }, { key: old }));
  await late.agent.start();
  await eventually("the refusal", () => late.agent.log.includes("refused this node's oidc attestation"));
  expect(refusals()).toContain("the issuer has no key for this token");
  // The token is replaced in its file, as whoever keeps it fresh does: no restart.
  writeFileSync(join(mesh.folder, "state/join/host-4.jwt"), await issuer.token({ sub: "host-4" }));
  await late.attested(1);
});

test("a pod with a projected token of Kubernetes is its node's agent; another service account's is refused", async () => {
  const prod = "spiffe://mesh.example/meshmint/agent/k8s_psat/prod";
  const pod = tokenNode("k8sPsat", "worker-1", await issuer.token(podClaims("worker-1")));
  expect(await pod.join()).toBe(`${prod}/worker-1`);
  const other = tokenNode("k8sPsat", "worker-2", await issuer.token(podClaims("worker-2", "default")));
  await other.agent.start();
  await eventually("the refusal", () => other.agent.log.includes("refused this node's k8s_psat attestation"));
  expect(refusals()).toContain("default:agent may not attest nodes");
  await other.agent.stop();
});

/** Somebody with a copy of what the node's state folder holds at this moment: whether a renewal by it is taken. */
async function thief({ folder }: AttestingNode) {
  const files = new NodeFiles(folder);
  const [credentials, bundle] = await Promise.all([files.loadNode(), files.loadBundle()]);
  if (!credentials || !bundle) throw new Error("the node's folder holds no SVID");
  const client = new ServerClient(
    { address: { host: "127.0.0.1", port: mesh.grpcPort }, programVersion: "thief" },
    { credentials, bundle },
  );
  const { signal } = new AbortController();
  const tries = async () =>
    client.renewNode(newP256Csr(), signal).then(
      () => "issued",
      ({ code }: { code: string }) => code,
    );
  return { client, tries };
}

test("NA7: an evicted node attests again by itself, and who has stolen its SVID before gets nothing with it", async () => {
  const [, node] = nodes as [unknown, AttestingNode];
  const { client, tries } = await thief(node);
  expect(await tries()).toBe("issued");
  const id = "spiffe://mesh.example/meshmint/agent/x509pop/rsa-1";
  mesh.cli("agent", "evict", id, "--reason", "the disk was copied");
  expect(await tries()).toBe("PERMISSION_DENIED");
  await node.attested(2);
  registerAt(id, "after-eviction");
  await eventually("what was registered after it", async () =>
    (await fetchSvids(node.socket)).svids.some(({ spiffeId }) => spiffeId.endsWith("/after-eviction")),
  );
  expect(await tries()).toBe("PERMISSION_DENIED");
  client.close();
});

test("NA7: a banned node is out at once, with its SVID and with its proof, until the ban is lifted", async () => {
  const [, node] = nodes as [unknown, AttestingNode];
  const { client, tries } = await thief(node);
  const id = "spiffe://mesh.example/meshmint/agent/x509pop/rsa-1";
  mesh.cli("agent", "ban", id, "--reason", "broken into");
  expect(await tries()).toBe("PERMISSION_DENIED");
  await eventually("a new attestation to be refused", () => refusals().includes("the agent is banned"));
  const before = node.held.length;
  mesh.cli("agent", "unban", id, "--reason", "clean again");
  await eventually("the node to be back", () => node.held.length > before);
  expect(await tries()).toBe("PERMISSION_DENIED");
  client.close();
});

test("an SVID that expired in an outage: the agent serves on, and attests again in place", async () => {
  const [node] = nodes as [AttestingNode];
  const { pid } = node.agent;
  await mesh.server.stop("SIGKILL");
  const ends = Math.max(...node.held.map(({ notAfter }) => Date.parse(notAfter ?? "")));
  await eventually("the node's SVID to have expired", () => Date.now() > ends + 1000);
  expect(await svidAt(node)).toBe("spiffe://mesh.example/on-ec-1");
  await mesh.server.start();
  await node.attested(2);
  expect(node.agent.pid).toBe(pid);
  registerAt("spiffe://mesh.example/meshmint/agent/x509pop/ec-1", "after");
  await eventually("what was registered after it", async () =>
    (await fetchSvids(node.socket)).svids.some(({ spiffeId }) => spiffeId.endsWith("/after")),
  );
});
