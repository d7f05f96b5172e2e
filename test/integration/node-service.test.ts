import { X509Certificate } from "node:crypto";
import { credentials, Server } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Der } from "../../src/domain/certificate/der.ts";
import type { RegistrationEntry } from "../../src/domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { ok, refused } from "../../src/foundation/result.ts";
import type { WatchUpdate__Output } from "../../src/generated/meshmint/node/v1/WatchUpdate.ts";
import { TlsServerCredentials } from "../../src/protocols/grpc/tls-server-credentials.ts";
import { nodeService } from "../../src/protocols/node/node-service.ts";
import { NodeService } from "../../src/wire/node-api.ts";
import { FakeNodeFeed } from "../fakes/fake-node-feed.ts";
import { webEntry } from "../fakes/issuance-rig.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";

const trustDomain = "mesh.test" as TrustDomain;
const agent = "spiffe://mesh.test/meshmint/agent/join_token/n1" as SpiffeId;

const entry = (id: string, revision = 1): RegistrationEntry => ({
  ...webEntry,
  id,
  spiffeId: `spiffe://mesh.test/${id}` as SpiffeId,
  parentId: agent,
  revision,
});

const ca = new OpensslCa();
let server: Server;
let port: number;
let feed: FakeNodeFeed;
const presence: string[] = [];
const banListeners = new Set<(banned: SpiffeId) => void>();
const durable: number[] = [];

beforeAll(async () => {
  const own = ca.leaf("spiffe://mesh.test/meshmint/server");
  server = new Server();
  server.addService(
    NodeService.service,
    nodeService({
      trustDomain,
      gate: {
        admits: (_id, { serial }) => serial !== bannedSerial,
        onExpelled(listener) {
          banListeners.add(listener);
          return () => void banListeners.delete(listener);
        },
      },
      ledger: { advance: async () => ({ note: "", verifierKey: "", proof: [] }) },
      issuance: {
        issue: async (agent, item) => {
          issued += 1;
          if (item.entryId === "bad") return refused({ code: "denied" });
          if (item.entryId === "slow") await new Promise<void>((resolve) => feed.onChange(agent, resolve));
          return ok({ chain: [Buffer.from(item.entryId) as Uint8Array as Der], authorityKeyId: "aa" });
        },
        renewNode: async () => refused({ code: "denied" }),
      },
      feed: {
        entriesOf: (id) => feed.entriesOf(id),
        bundle: () => feed.bundle(),
        notice: () => feed.notice(),
        onChange: (agent, listener) => feed.onChange(agent, listener),
      },
      observer: { failed: () => undefined },
      reports: {
        accept: async (_agent, report) => void durable.push(report.reportId),
        connected: (id) => presence.push(`+${id}`),
        disconnected: (id) => presence.push(`-${id}`),
      },
    }),
  );
  const tls = new TlsServerCredentials({ chain: own.chain, key: own.key, clientRoots: ca.root.certificate });
  port = await new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", tls, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
});
afterAll(() => {
  server.forceShutdown();
  ca.remove();
});
beforeEach(() => {
  feed = new FakeNodeFeed();
});

let bannedSerial = "";
let issued = 0;

function client(id?: string) {
  const leaf = id === undefined ? undefined : ca.leaf(id);
  const tls = credentials.createSsl(
    Buffer.from(ca.root.certificate),
    leaf ? Buffer.from(leaf.key) : null,
    leaf ? Buffer.from(leaf.chain) : null,
    { checkServerIdentity: () => undefined },
  );
  // Node refuses an IP address as the TLS server name; who the server is, its SPIFFE ID says.
  const options = { "grpc.ssl_target_name_override": "mesh.test" };
  return { api: new NodeService(`127.0.0.1:${port}`, tls, options), leaf };
}

const renew = (api: InstanceType<typeof NodeService>) =>
  new Promise<number>((resolve) =>
    api.renewNodeSvid({ csrDer: Buffer.of(1) }, (error) => resolve(error?.code ?? 0)),
  );

const issueOnce = (api: InstanceType<typeof NodeService>, ids: readonly string[]) =>
  new Promise<unknown>((resolve) =>
    api.issueOnce({ items: ids.map((entryId) => ({ entryId })) }, (error, answer) =>
      resolve(error?.code ?? answer?.items.map(({ outcome }) => outcome)),
    ),
  );

test.each([
  ["nobody", undefined],
  ["a workload", "spiffe://mesh.test/web"],
  ["the server itself", "spiffe://mesh.test/meshmint/server"],
  ["an agent of another trust domain", "spiffe://other.test/meshmint/agent/join_token/n1"],
])("%s is refused on every method", async (_who, id) => {
  const { api } = client(id);
  expect(await renew(api)).toBe(7);
  expect(await issueOnce(api, ["a"])).toBe(7);
  const codes = [api.watch({}), api.issue(), api.report()].map(
    (stream) =>
      new Promise((resolve) =>
        stream.on("error", (error: { code?: number }) => resolve(error.code)).resume(),
      ),
  );
  expect(await Promise.all(codes)).toEqual([7, 7, 7]);
  api.close();
});

test("a banned certificate is refused although it verifies", async () => {
  const { api, leaf } = client(agent);
  bannedSerial = new X509Certificate(leaf?.certificate ?? "").serialNumber.toLowerCase();
  const { details, code } = await new Promise<{ details: string; code: number }>((resolve) =>
    api.renewNodeSvid({}, (error) => resolve({ details: error?.details ?? "", code: error?.code ?? 0 })),
  );
  bannedSerial = "";
  expect(code).toBe(7);
  expect(details).not.toContain("ban");
  api.close();
});

test("a ban ends the agent's open streams at once, and nobody else's", async () => {
  const { api } = client(agent);
  const other = client("spiffe://mesh.test/meshmint/agent/join_token/n2").api;
  const kept = other.watch({});
  let keptEnded = false;
  kept.on("error", () => {
    keptEnded = true;
  });
  await new Promise((resolve) => kept.once("data", resolve));
  const streams = [api.watch({}), api.issue(), api.report()];
  const codes = streams.map(
    (stream) =>
      new Promise((resolve) =>
        stream.on("error", (error: { code?: number }) => resolve(error.code)).resume(),
      ),
  );
  await expect.poll(() => banListeners.size, { timeout: 10_000 }).toBe(4);
  for (const listener of banListeners) listener(agent);
  expect(await Promise.all(codes)).toEqual([7, 7, 7]);
  expect(keptEnded).toBe(false);
  kept.cancel();
  await expect.poll(() => banListeners.size, { timeout: 10_000 }).toBe(0);
  api.close();
  other.close();
});

test("watch: full state at once, then only what changed, and the agent's presence is known", async () => {
  feed.entries = [entry("web"), entry("api")];
  const { api } = client(agent);
  const stream = api.watch({ programVersion: "t" });
  stream.on("error", () => undefined); // our own cancel at the end
  const received: WatchUpdate__Output[] = [];
  stream.on("data", (update: WatchUpdate__Output) => received.push(update));
  const until = async (count: number) => {
    await expect.poll(() => received.length, { timeout: 10_000 }).toBe(count);
    return received[count - 1]!;
  };
  const first = await until(1);
  expect(first).toMatchObject({ full: true, bundle: { sequence: "1" }, authority: { activeKeyId: "aa" } });
  expect(first.upserts.map((upsert) => upsert.id)).toEqual(["web", "api"]);
  expect(presence.at(-1)).toBe(`+${agent}`);
  feed.entries = [entry("web", 2)];
  feed.changed();
  const second = await until(2);
  expect([second.full, second.upserts.map((e) => e.id), second.removedEntryIds]).toEqual([
    false,
    ["web"],
    ["api"],
  ]);
  expect([second.bundle, second.authority]).toEqual([null, null]);
  feed.changed(); // nothing of this agent's changed: nothing is sent
  feed.current = { ...feed.current, sequence: 2 };
  feed.changed();
  const third = await until(3);
  expect([third.upserts, third.removedEntryIds, third.bundle?.sequence]).toEqual([[], [], "2"]);
  stream.cancel();
  await expect.poll(() => presence.at(-1), { timeout: 10_000 }).toBe(`-${agent}`);
  api.close();
});

test("issue: a refused and a slow item hold up nobody else", async () => {
  const { api } = client(agent);
  const stream = api.issue();
  const outcomes = new Map<number, string | undefined>();
  stream.on("data", (result: { items: { index: number; outcome?: string }[] }) => {
    for (const item of result.items) outcomes.set(item.index, item.outcome);
  });
  const items = ["a", "slow", "bad", "b"].map((entryId) => ({ entryId, csrDer: Buffer.of(1) }));
  stream.write({ batchId: 1, items });
  await expect.poll(() => outcomes.size, { timeout: 10_000 }).toBe(3);
  expect([outcomes.get(0), outcomes.get(2), outcomes.get(3)]).toEqual(["issued", "refused", "issued"]);
  feed.changed();
  await expect.poll(() => outcomes.get(1), { timeout: 10_000 }).toBe("issued");
  stream.end();
  api.close();
});

test("issue: results of several batches come in one message to who takes them so", async () => {
  const { api } = client(agent);
  const stream = api.issue();
  const messages: number[][] = [];
  stream.on("data", ({ batchId, also }: { batchId: number; also: { batchId: number }[] }) => {
    messages.push([batchId, ...also.map((other) => other.batchId)]);
  });
  issued = 0;
  const items = [{ entryId: "slow", csrDer: Buffer.of(1) }];
  for (const batchId of [1, 2]) stream.write({ batchId, takesJoinedResults: true, items });
  await expect.poll(() => issued, { timeout: 10_000 }).toBe(2);
  feed.changed();
  await expect.poll(() => messages, { timeout: 10_000 }).toEqual([[1, 2]]);
  stream.end();
  api.close();
});

test("issueOnce: one message with every item's own result; a batch that is none is refused as a whole", async () => {
  const { api } = client(agent);
  expect(await issueOnce(api, ["a", "bad", "b"])).toEqual(["issued", "refused", "issued"]);
  expect(await issueOnce(api, [])).toBe(3);
  api.close();
});

test("issue: whoever reads no answers is not read either", async () => {
  const { api } = client(agent);
  const stream = api.issue();
  const sent = 400_000;
  const items = Array.from({ length: 1000 }, () => ({ entryId: "x".repeat(200), csrDer: Buffer.of(1) }));
  issued = 0;
  let answered = 0;
  stream.on("error", () => undefined); // our own cancel when the test fails
  stream.on("data", (result: { items: unknown[] }) => {
    if (answered === 0) stream.pause();
    answered += result.items.length;
  });
  const writeAll = async () => {
    for (let batchId = 1; batchId <= sent / 1000; batchId += 1) {
      if (!stream.write({ batchId, items })) await new Promise((resolve) => stream.once("drain", resolve));
    }
  };
  const written = writeAll();
  let before = -1;
  await expect
    .poll(
      () => {
        const stands = issued > 0 && issued === before;
        before = issued;
        return stands;
      },
      { timeout: 20_000, interval: 500 },
    )
    .toBe(true);
  expect(issued).toBeLessThan(sent / 4);
  stream.resume();
  await written;
  await expect.poll(() => answered, { timeout: 20_000 }).toBe(sent);
  stream.end();
  api.close();
}, 60_000);

test("report: each is answered once it is durable", async () => {
  const { api } = client(agent);
  const stream = api.report();
  const receipts: number[] = [];
  stream.on("data", (receipt: { reportId: number }) => {
    expect(durable).toContain(receipt.reportId);
    receipts.push(receipt.reportId);
  });
  for (const reportId of [1, 2, 3]) stream.write({ reportId });
  await expect.poll(() => receipts, { timeout: 10_000 }).toEqual([1, 2, 3]);
  const ended = new Promise((resolve) => stream.on("end", resolve));
  stream.end();
  await ended;
  api.close();
});
