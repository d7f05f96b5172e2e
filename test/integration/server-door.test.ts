/** The server's port 8443 as a stranger, a role bearer and a careless agent find it. */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import { type Client, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect } from "vitest";
import { AdminClient } from "../../src/backends/admin-client/admin-client.ts";
import { targetOf, unverifiedTls, verifiedTls } from "../../src/backends/server-client/tls.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import type { X509SVID__Output } from "../../src/generated/X509SVID.ts";
import { AdminService } from "../../src/wire/admin-api.ts";
import { AttestationService } from "../../src/wire/node-api.ts";
import { fetchSvids } from "../parts/agent-run.ts";
import { eventually } from "../parts/eventually.ts";
import { agentId, Mesh } from "../parts/mesh.ts";
import { needs } from "../parts/parts.ts";

const test = needs("softhsm");
const trustDomain = "mesh.example" as TrustDomain;
const options = { "grpc.ssl_target_name_override": "meshmint-server", "grpc.use_local_subchannel_pool": 1 };
const roleLines = ["viewers: [spiffe://mesh.example/watch]", "operators: [spiffe://mesh.example/deploy]"];
let mesh: Mesh;
let svids: readonly X509SVID__Output[];
const clients: Client[] = [];

beforeAll(async () => {
  mesh = await Mesh.start({
    adjust: (file, text) =>
      file === "server.yaml" ? text.replace("admin:\n", `admin:\n  ${roleLines.join("\n  ")}\n`) : text,
  });
  for (const name of ["watch", "deploy", "nobody"]) mesh.register(name);
  svids = await eventually("three SVIDs", async () => {
    const answer = await fetchSvids(mesh.agentSocket);
    return answer.svids.length === 3 ? answer.svids : undefined;
  });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await mesh?.stop();
});

const address = () => targetOf({ host: "127.0.0.1", port: mesh.grpcPort });
const kept = <C extends Client>(client: C): C => {
  clients.push(client);
  return client;
};
const stranger = () => kept(new AttestationService(address(), unverifiedTls(), options));

/** The certificates that stand side by side in these bytes. */
function split(bytes: Uint8Array): Der[] {
  const { raw } = new X509Certificate(bytes);
  const rest = bytes.subarray(raw.length);
  return [new Uint8Array(raw) as Der, ...(rest.length > 0 ? split(rest) : [])];
}

/** The admin API over mTLS as the workload of this name, with the SVID that the agent gave it; without one, as a stranger. */
function admin(name?: string) {
  const svid = svids.find(({ spiffeId }) => spiffeId.endsWith(`/${name}`));
  const roots = split(svids[0]?.bundle ?? new Uint8Array());
  const client = svid && {
    spiffeId: svid.spiffeId as SpiffeId,
    chain: split(svid.x509Svid),
    privateKey: svid.x509SvidKey,
    serial: "",
    authorityKeyId: "",
    notBefore: new Date(),
    notAfter: new Date(),
    entryId: "",
    hint: "",
  };
  return kept(
    new AdminService(
      address(),
      verifiedTls({ trustDomain, roots, lists: [], ...(client && { client }) }),
      options,
    ),
  );
}

type Call = (done: (error: ServiceError | null) => void) => unknown;
const codeOf = (call: Call) =>
  new Promise<number>((resolve) => void call((error) => resolve(error?.code ?? 0)));
const denied = 7;

test("the admin API over mTLS answers each workload by its role, and nobody else", async () => {
  const may = async (name?: string) => {
    const api = admin(name);
    return [
      await codeOf((done) => api.ListAgents({}, done)),
      await codeOf((done) => api.CreateToken({ nodeId: `by-${name}`, ttlSeconds: 60 }, done)),
      await codeOf((done) => api.ActivateRotation({}, done)),
    ];
  };
  expect(await may("watch")).toEqual([0, denied, denied]);
  expect(await may("deploy")).toEqual([0, 0, denied]);
  expect(await may("nobody")).toEqual([denied, denied, denied]);
  expect(await may()).toEqual([denied, denied, denied]);
  const { tokens } = mesh.cli("token", "list") as { tokens: { nodeId: string }[] };
  expect(tokens.map(({ nodeId }) => nodeId)).toContain("by-deploy");
});

test("a role cannot be given away over mTLS: only the server's own socket registers an ID that bears one", async () => {
  const entry = {
    parentId: agentId,
    spiffeId: "spiffe://mesh.example/watch",
    selectors: ["unix:uid:4294967294"],
  };
  expect(await codeOf((done) => admin("deploy").CreateEntry({ entry }, done))).toBe(3);
});

test("TLS 1.2 is refused", async () => {
  const open = (version: "TLSv1.2" | "TLSv1.3") => {
    const at = { host: "127.0.0.1", port: mesh.grpcPort, ALPNProtocols: ["h2"] };
    const socket = connect({ ...at, minVersion: version, maxVersion: version, rejectUnauthorized: false });
    return once(socket, "secureConnect").finally(() => socket.destroy());
  };
  await open("TLSv1.3");
  await expect(open("TLSv1.2")).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
});

test("health and reflection answer on the port", async () => {
  const bytes = (buffer: Buffer) => buffer;
  const raw = {
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  const health = {
    ...raw,
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
  };
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const info = { ...raw, path, requestStream: true, responseStream: true };
  const Standard = makeGenericClientConstructor({ check: health, info }, "");
  const client = kept(new Standard(address(), unverifiedTls(), options)) as unknown as Client & {
    check(request: Buffer, done: (error: unknown, answer?: Buffer) => void): void;
    info(): import("@grpc/grpc-js").ClientDuplexStream<Buffer, Buffer>;
  };
  const serving = await new Promise((resolve) =>
    client.check(Buffer.alloc(0), (_, answer) => resolve(answer)),
  );
  expect(serving).toEqual(Buffer.from([8, 1]));
  const call = client.info();
  call.on("error", () => undefined);
  const listed = new Promise<Buffer>((resolve) => call.once("data", resolve));
  call.write(Buffer.from([0x3a, 0x01, 0x2a])); // list_services: "*"
  const services = (await listed).toString("latin1");
  call.cancel();
  for (const service of ["meshmint.node.v1.NodeService", "meshmint.admin.v1.AdminService"]) {
    expect(services).toContain(service);
  }
});

test("strangers who hold streams open and ask for the bundle all the time delay nobody for long", async () => {
  const held = Array.from({ length: 4 }, stranger).flatMap((client) =>
    Array.from({ length: 100 }, () => client.Attest().on("error", () => undefined)),
  );
  const asker = stranger();
  const codes = await Promise.all(
    Array.from({ length: 1000 }, () => codeOf((done) => asker.GetTrustBundle({}, done))),
  );
  expect(codes.every((code) => code === 0)).toBe(true);
  const begun = performance.now();
  mesh.register("meanwhile");
  await eventually("an SVID", async () => (await fetchSvids(mesh.agentSocket)).svids.length === 4);
  expect(performance.now() - begun).toBeLessThan(10_000);
  const [late] = held;
  const ended = new Promise<number>((resolve) =>
    late?.once("error", ({ code }: ServiceError) => resolve(code)),
  );
  expect(await ended).toBe(4); // DEADLINE_EXCEEDED: attestation did not begin in time
  for (const call of held) call.cancel();
}, 60_000);

test("with its agent a role bearer is shut out: what a banned node was given counts no more", async () => {
  expect(await codeOf((done) => admin("watch").ListAgents({}, done))).toBe(0);
  mesh.cli("agent", "ban", agentId, "--reason", "stolen");
  expect(await codeOf((done) => admin("watch").ListAgents({}, done))).toBe(denied);
});

test("an entry whose DNS name the intermediate may not certify is refused when it is registered, by name", async () => {
  const local = new AdminClient(mesh.adminSocket);
  const entry = { spiffeId: "spiffe://mesh.example/named", parentId: agentId, selectors: ["unix:uid:4000"] };
  const create = (dnsNames: string[]) =>
    local.call("CreateEntry", { entry: { ...entry, dnsNames } }, new AbortController().signal);
  try {
    await expect(create(["named.example"])).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/^dnsNames: "named\.example" is not below .* intermediate\.dnsSubtrees/),
    });
    expect(await create([])).toMatchObject({ spiffeId: entry.spiffeId });
  } finally {
    local.close();
  }
});
