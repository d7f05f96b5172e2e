/** X509-SVID §5, for what the server's port and the agent take from others. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { PeerCertificate } from "node:tls";
import { credentials, Server } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalLeafKeys } from "../../src/backends/node-crypto/local-leaf-keys.ts";
import { ServerClient } from "../../src/backends/server-client/server-client.ts";
import { pathFlaw } from "../../src/backends/server-client/unrevoked-path.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import { type TlsPeer, tlsPeerOf } from "../../src/protocols/grpc/tls-peer.ts";
import { TlsServerCredentials } from "../../src/protocols/grpc/tls-server-credentials.ts";
import { AttestationService } from "../../src/wire/node-api.ts";
import { revocationList } from "../fakes/revocation-list.ts";
import { OpensslCa, type PemPair } from "../parts/openssl-ca.ts";
import { bundleOf, derOf, svidFrom } from "../parts/svid.ts";

const agent = "spiffe://mesh.test/meshmint/agent/join_token/n1";
const ours = new OpensslCa();
const theirs = new OpensslCa("their root");
const server = new Server();
let port: number;
const seen: (TlsPeer | undefined)[] = [];

beforeAll(async () => {
  server.addService(AttestationService.service, {
    GetTrustBundle: (call: Parameters<typeof tlsPeerOf>[0], answer: (error: null, reply: object) => void) => {
      seen.push(tlsPeerOf(call));
      answer(null, {});
    },
    Attest: () => undefined,
  });
  const { chain, key } = ours.leaf("spiffe://mesh.test/meshmint/server");
  const tls = new TlsServerCredentials({ chain, key, clientRoots: ours.root.certificate });
  port = await new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", tls, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
});
afterAll(() => {
  server.forceShutdown();
  for (const ca of [ours, theirs]) ca.remove();
});

/** Whom the server takes the bearer of this certificate for. */
async function knownAs(leaf: PemPair & { readonly chain: string }): Promise<string | undefined> {
  const pem = [ours.root.certificate, leaf.key, leaf.chain].map((text) => Buffer.from(text));
  const tls = credentials.createSsl(pem[0], pem[1], pem[2], { checkServerIdentity: () => undefined });
  const options = { "grpc.ssl_target_name_override": "mesh.test", "grpc.use_local_subchannel_pool": 1 };
  const client = new AttestationService(`127.0.0.1:${port}`, tls, options);
  const call = client.GetTrustBundle({}, () => undefined);
  await once(call, "status");
  client.close();
  return seen.pop()?.spiffeId;
}

test("X7: a signing certificate authenticates nobody, at the server's port or in an agent", async () => {
  expect(await knownAs(ours.leaf(agent))).toBe(agent);
  expect(await knownAs(ours.signingLeaf(agent))).toBeUndefined();
  const signing = { ...ours, leaf: (id: string) => ours.signingLeaf(id) } as unknown as OpensslCa;
  expect(check(svidFrom(signing, agent), ours)).toEqual({ ok: false, error: "its leaf is a CA certificate" });
});

test("X8: only what leads to the own trust domain's bundle counts, at the server's port and in an agent", async () => {
  expect(await knownAs(theirs.leaf(agent))).toBeUndefined();
  expect(check(svidFrom(ours, agent), ours).ok).toBe(true);
  expect(check(svidFrom(theirs, agent), ours).ok).toBe(false);
  expect(check(svidFrom(ours, agent), theirs).ok).toBe(false);
});

test("R15: a server under an authority that the bundle's lists take away is not the server, whatever key it has", async () => {
  const [root] = derOf(ours.root.certificate);
  const [intermediate] = derOf(ours.intermediate.certificate);
  if (!root || !intermediate) throw new Error("the CA has no certificates");
  const until = { thisUpdate: new Date(Date.now() - 60_000), nextUpdate: new Date(Date.now() + 3_600_000) };
  const list = (of: Der, key: string, serials: string[] = []) =>
    revocationList(of, createPrivateKey(key), { ...until, serials });
  const own = list(intermediate, ours.intermediate.key);
  const lost = new X509Certificate(ours.intermediate.certificate).serialNumber;
  const credentials = { svid: svidFrom(ours, agent), obtainedAt: new Date() };
  const answerUnder = async (lists: readonly Der[]) => {
    const bundle = { ...bundleOf("mesh.test", ours), lists };
    const options = { address: { host: "127.0.0.1", port }, programVersion: "test" };
    const client = new ServerClient(options, { credentials, bundle });
    const asked = client.renewNode(root, new AbortController().signal);
    const answer = await asked.then(
      () => "renewed",
      (thrown: Error) => thrown.message,
    );
    client.close();
    return answer;
  };
  const reached = /does not implement the method/; // this server has no such service, and says so over TLS
  expect(await answerUnder([])).toMatch(reached);
  expect(await answerUnder([list(root, ours.root.key), own])).toMatch(reached);
  expect(await answerUnder([list(root, ours.root.key, [lost]), own])).toMatch(/revoked/);
  // A peer chooses what it sends: another certificate of the intermediate's name is no way round the one that is revoked.
  const [leaf, other] = [
    ours.leaf("spiffe://mesh.test/meshmint/server").certificate,
    theirs.intermediate.certificate,
  ];
  const [raw, namesake] = [leaf, other].map((pem) => new X509Certificate(pem).raw);
  const sent = { raw, issuerCertificate: { raw: namesake } } as unknown as PeerCertificate;
  const lists = [list(root, ours.root.key, [lost]), own];
  expect(pathFlaw(sent, { roots: [root], lists, now: new Date() })).toMatch(/leads to no root/);
  // Wider lists went out while it was away: those that it has say nothing of the authority that signs now.
  expect(await answerUnder([list(root, ours.root.key, ["0102"])])).toMatch(reached);
});

function check(svid: ReturnType<typeof svidFrom>, ca: OpensslCa) {
  const { chain, privateKey, spiffeId } = svid;
  const { anchors } = bundleOf("mesh.test", ca);
  return new LocalLeafKeys().check({ chain, privateKey, spiffeId, anchors, now: new Date() });
}
