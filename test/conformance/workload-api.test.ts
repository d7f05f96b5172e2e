import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { type Client, credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { X509SVID__Output } from "../../src/generated/X509SVID.ts";
import { SpiffeWorkloadApi } from "../../src/wire/workload-api.ts";
import { AgentServer } from "../fakes/agent-server.ts";
import { AgentFolder, fetchSvids, headers, WorkloadWatch } from "../parts/agent-run.ts";
import { eventually } from "../parts/eventually.ts";

let server: AgentServer;
let agent: AgentFolder;

beforeEach(async () => {
  server = new AgentServer();
  await server.start();
  agent = new AgentFolder();
  agent.configure(server.port, server.tokenText);
});
afterEach(async () => {
  await agent.remove();
  server.stop();
});

const refusal = async (watch: { failure: ServiceError | undefined; close(): void }) => {
  const failure = await eventually("a refusal", () => watch.failure);
  watch.close();
  return [failure.code, failure.details];
};
const names = (svids: readonly X509SVID__Output[] | undefined) =>
  (svids ?? []).map(({ spiffeId }) => spiffeId.split("/").at(-1));

test("E1, E3: plaintext gRPC on a Unix socket, the caller known by the kernel alone", async () => {
  server.register({ id: "mine" });
  server.register({ id: "theirs", selectors: [`unix:uid:${(process.getuid?.() ?? 0) + 1}`] });
  await agent.start();
  expect(names((await fetchSvids(agent.socket)).svids)).toEqual(["mine"]);
});

test("E2: without the one security header every method says InvalidArgument", async () => {
  await agent.start();
  const details = "security header missing from request";
  for (const wrong of [
    headers(),
    headers("True"),
    headers("true", "true"),
    headers("false"),
    headers("true ", ""),
  ]) {
    expect(await refusal(WorkloadWatch.svids(agent.socket, wrong))).toEqual([3, details]);
    expect(await refusal(WorkloadWatch.bundles(agent.socket, wrong))).toEqual([3, details]);
  }
  const client = new SpiffeWorkloadApi(`unix:${agent.socket}`, credentials.createInsecure());
  const code = await new Promise((resolve) => client.FetchJWTSVID({}, (error) => resolve(error?.code)));
  client.close();
  expect(code).toBe(3);
});

test("E5, A11: Unavailable while starting, PermissionDenied without identity, Unimplemented for what is unknown", async () => {
  server.stop();
  await agent.start();
  expect((await refusal(WorkloadWatch.svids(agent.socket)))[0]).toBe(14);
  await server.start();
  await eventually("the end of the start", async () => {
    const [code, details] = await refusal(WorkloadWatch.svids(agent.socket));
    return code === 7 && details === "no identity issued";
  });
  expect(await refusal(WorkloadWatch.bundles(agent.socket))).toEqual([7, "no identity issued"]);
  const client = new SpiffeWorkloadApi(`unix:${agent.socket}`, credentials.createInsecure()) as Client;
  const unknown = await new Promise((resolve) =>
    client.makeUnaryRequest(
      "/SpiffeWorkloadAPI/FetchWITSVID",
      () => Buffer.alloc(0),
      (bytes) => bytes,
      {},
      headers("true"),
      (error) => resolve(error?.code),
    ),
  );
  client.close();
  expect(unknown).toBe(12);
});

test("E6: reflection and health are served beside the API, which has no methods of ours", async () => {
  server.register({ id: "web" });
  await agent.start();
  await fetchSvids(agent.socket);
  expect(Object.keys(SpiffeWorkloadApi.service)).toHaveLength(5);
  const raw = {
    requestStream: true,
    responseStream: true,
    requestSerialize: (b: Buffer) => b,
    requestDeserialize: (b: Buffer) => b,
    responseSerialize: (b: Buffer) => b,
    responseDeserialize: (b: Buffer) => b,
  };
  const Reflection = makeGenericClientConstructor(
    {
      info: { ...raw, path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" },
      check: { ...raw, requestStream: false, responseStream: false, path: "/grpc.health.v1.Health/Check" },
    },
    "",
  );
  const client = new Reflection(`unix:${agent.socket}`, credentials.createInsecure()) as unknown as Client & {
    info(): import("@grpc/grpc-js").ClientDuplexStream<Buffer, Buffer>;
    check(request: Buffer, done: (error: unknown, answer?: Buffer) => void): void;
  };
  const call = client.info();
  call.on("error", () => undefined);
  const listed = new Promise<Buffer>((resolve) => call.on("data", resolve));
  call.write(Buffer.from([0x3a, 0x01, 0x2a])); // list_services: "*"
  expect((await listed).toString("latin1")).toMatch(/SpiffeWorkloadAPI/);
  call.cancel();
  const health = await new Promise((resolve) =>
    client.check(Buffer.alloc(0), (_, answer) => resolve(answer)),
  );
  expect(health).toEqual(Buffer.from([8, 1])); // SERVING
  client.close();
});

test("A2: the first message comes at once, each is the complete state, and equal states are not repeated", async () => {
  server.register({ id: "web" });
  await agent.start();
  await fetchSvids(agent.socket);
  const begun = performance.now();
  const watch = WorkloadWatch.svids(agent.socket);
  await eventually("the first message", () => watch.last);
  expect(performance.now() - begun).toBeLessThan(500);
  server.register({ id: "irrelevant", selectors: ["unix:uid:4294967294"] });
  server.register({ id: "api" });
  await eventually("the second message", () => watch.messages[1]);
  expect(watch.messages.map(({ svids }) => names(svids).toSorted())).toEqual([["web"], ["api", "web"]]);
  watch.close();
});

test("A3, A4: all fields, DER, PKCS#8 without encryption, hints unique", async () => {
  server.register({ id: "first", hint: "same", priority: 1 });
  server.register({ id: "second", hint: "same" });
  await agent.start();
  const { svids } = await fetchSvids(agent.socket);
  expect(svids.map(({ hint }) => hint)).toEqual(["same", ""]);
  for (const { x509Svid, x509SvidKey, bundle, spiffeId } of svids) {
    const leaf = new X509Certificate(x509Svid);
    const key = createPrivateKey({ key: x509SvidKey, format: "der", type: "pkcs8" });
    expect(leaf.subjectAltName).toBe(`URI:${spiffeId}`);
    expect(createPublicKey(key).equals(leaf.publicKey)).toBe(true);
    const chain = Buffer.concat([leaf.raw, Buffer.from(server.issuer.authority.certificate)]);
    expect([x509Svid, bundle]).toEqual([chain, Buffer.from(server.issuer.root)]);
  }
});

test("A5: bundles hold the own trust domain under its SPIFFE ID", async () => {
  server.register({ id: "web" });
  await agent.start();
  await fetchSvids(agent.socket);
  const watch = WorkloadWatch.bundles(agent.socket);
  const { bundles } = await eventually("a bundle", () => watch.last);
  expect(bundles).toEqual({ "spiffe://mesh.test": Buffer.from(server.issuer.root) });
  watch.close();
});

test("A6, A7: what goes is left out, the first identity is the default, and the loss of all ends the stream", async () => {
  server.register({ id: "young", createdAt: new Date(2000) });
  server.register({ id: "old", createdAt: new Date(1000) });
  server.register({ id: "high", createdAt: new Date(3000), priority: 7 });
  await agent.start();
  await fetchSvids(agent.socket);
  const watch = WorkloadWatch.svids(agent.socket);
  const seen = () => names(watch.last?.svids).join();
  await eventually("all three, in order", () => seen() === "high,old,young");
  server.remove("high");
  await eventually("two of them", () => seen() === "old,young");
  server.remove("old");
  server.remove("young");
  expect(await refusal(watch)).toEqual([7, "no identity issued"]);
});

test("A1: the JWT profile says Unimplemented, with the header in place", async () => {
  await agent.start();
  const client = new SpiffeWorkloadApi(`unix:${agent.socket}`, credentials.createInsecure());
  const codes = [
    new Promise((resolve) =>
      client.FetchJWTSVID({ audience: ["a"] }, headers("true"), (error) => resolve(error?.code)),
    ),
    new Promise((resolve) =>
      client.ValidateJWTSVID({ audience: "a", svid: "b" }, headers("true"), (error) => resolve(error?.code)),
    ),
    new Promise((resolve) =>
      client
        .FetchJWTBundles({}, headers("true"))
        .on("error", (error: ServiceError) => resolve(error.code))
        .resume(),
    ),
  ];
  expect(await Promise.all(codes)).toEqual([12, 12, 12]);
  client.close();
});
