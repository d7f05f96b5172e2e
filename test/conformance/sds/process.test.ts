import { expect, test } from "vitest";
import { Fault } from "../../../src/foundation/fault.ts";
import { TlsSecret } from "../../../src/wire/sds-api.ts";
import { eventually } from "../../parts/eventually.ts";
import { eachWithServer, told } from "./fixture.ts";
import { api, web } from "./material.ts";
import { ModelClient } from "./model-client.ts";

const at = eachWithServer();
const node = { id: "proxy-1" };

test("bundle before leaf: a leaf waits for the bundle's ACK on the process's other stream", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(1));
  const bundles = at.client.sotw();
  bundles.ask("ALL");
  const bundle = await bundles.next();
  const leaves = at.client.sotw();
  leaves.ask(web);
  await eventually("the subscription", () => told(at.source).includes(`subscribed ${web}`));
  expect(leaves.heard).toEqual([]);
  bundles.ack(bundle, "ALL");
  await leaves.next();
  expect(told(at.source)).toEqual(["subscribed ALL", `subscribed ${web}`, "acknowledged ALL"]);
});

test("bundle before leaf: without an ACK the leaf comes after two seconds", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(1));
  const bundles = at.client.delta();
  bundles.ask("ALL");
  await bundles.next();
  const since = performance.now();
  const leaves = at.client.delta();
  leaves.ask(web);
  await leaves.next();
  expect(performance.now() - since).toBeGreaterThan(1500);
});

test("bundle before leaf: a process that comes back has its leaf wait until it asks for its bundle again", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(1));
  at.source.heldBundles = ["ALL"];
  const leaves = at.client.sotw();
  leaves.ask(web);
  await eventually("the subscription", () => told(at.source).includes(`subscribed ${web}`));
  const bundles = at.client.sotw();
  bundles.ask("ALL");
  const bundle = await bundles.next();
  expect(leaves.heard).toEqual([]);
  bundles.ack(bundle, "ALL");
  await leaves.next();
});

test("bundle before leaf: a process that does not ask for its bundle again gets its leaf after two seconds", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(1));
  at.source.heldBundles = ["ALL"];
  const since = performance.now();
  const leaves = at.client.sotw();
  leaves.ask(web);
  await leaves.next();
  expect(performance.now() - since).toBeGreaterThan(1500);
});

test("both in one request come in one response, the bundle first", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(1));
  const stream = at.client.sotw();
  stream.ask(web, "ALL");
  expect((await stream.next()).names).toEqual(["ALL", web]);
});

test("another process's verdicts are its own: what one refused, the next gets as it is", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  const first = await stream.next();
  stream.nack(first, web);
  await eventually("the refusal", () => told(at.source).includes(`refused ${web}`));
  // The same pid later: only the start time tells a process from the one that had its number before.
  at.caller = { pid: process.pid, uid: 0, gid: 0, startTime: "1" };
  const other = at.client.sotw();
  other.ask(web);
  expect((await other.next()).version).toBe(first.version);
  expect(at.source.callers.map(({ pid }) => pid)).toEqual([process.pid, process.pid]);
});

test("nothing leaves before its delivery is recorded", async () => {
  const gate = Promise.withResolvers<void>();
  at.source.gate = gate.promise;
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  await eventually("the subscription", () => told(at.source).includes(`subscribed ${web}`));
  expect(stream.heard).toEqual([]);
  gate.resolve();
  await stream.next();
  expect(at.source.recorded).toMatchObject([{ label: "proxy-1", deliveries: [{ name: web, kind: "leaf" }] }]);
});

test("a bundle's delivery names its anchors, a leaf's its serial, authority and end", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(2));
  const stream = at.client.sotw();
  stream.ask(web, "ALL");
  const { bytes } = await stream.next();
  const [{ deliveries: [bundle, leaf] = [] } = {}] = at.source.recorded;
  expect(bundle).toMatchObject({ kind: "bundle", anchors: [expect.any(String), expect.any(String)] });
  expect(leaf).toMatchObject({ kind: "leaf", serial: expect.any(String), notAfter: expect.any(Date) });
  const secret = TlsSecret.deserialize(bytes[0] as Buffer);
  expect(secret.validationContext?.customValidatorConfig?.name).toBe("envoy.tls.cert_validator.spiffe");
});

test("a delivery that cannot be recorded ends the stream, and nothing was sent", async () => {
  at.source.gate = Promise.reject(new Fault("STORE_FAILED", "the roster cannot be written"));
  at.source.gate.catch(() => undefined);
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  expect(await stream.failure()).toMatchObject({ code: 14 });
  expect(stream.heard).toEqual([]);
});

test("a caller that cannot be identified gets the fault's status, and may come back", async () => {
  at.source.refusal = new Fault("SERVER_UNAVAILABLE", "no entries yet");
  const stream = at.client.sotw();
  stream.ask(web);
  expect(await stream.failure()).toMatchObject({ code: 14, details: "no entries yet" });
  at.source.refusal = undefined;
  at.source.give(at.material.leaf(0));
  const again = at.client.sotw();
  again.ask(web);
  await again.next();
});

test("streams of one process share one opening, which is closed after the last", async () => {
  at.source.give(at.material.leaf(0));
  const other = new ModelClient(at.sds.path);
  const streams = [at.client.sotw(), at.client.delta(), other.sotw()];
  for (const stream of streams) stream.ask(web);
  for (const stream of streams) await stream.next();
  expect(at.source.openNow).toBe(1);
  await streams[0]?.finish();
  streams[1]?.cancel();
  other.close();
  streams[2]?.cancel();
  await eventually("the end of the opening", () => at.source.openNow === 0);
  expect(told(at.source).at(-1)).toBe(`closed ${web}`);
});

test("a client that closes its side at once still gets what was due", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  await stream.finish();
  expect(stream.heard).toHaveLength(1);
});

test("a client that answers without reading holds up only itself", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.ask(web);
  const { nonce } = await stream.next();
  stream.pause();
  const id = nonce.split(".")[0];
  const most = 300;
  for (let count = 1; count < most && at.source.recorded.length === count; count += 1) {
    stream.send({ responseNonce: `${id}.${count}`, resourceNamesSubscribe: [web] });
    const answered = () => at.source.recorded.length > count;
    await eventually("the next response", answered, 500).catch(() => undefined);
  }
  expect(at.source.recorded.length).toBeLessThan(most);
  const probe = new ModelClient(at.sds.path);
  const other = probe.sotw();
  other.ask(web);
  await other.next();
  probe.close();
  stream.cancel();
});

test.each([
  ["1001 names", { node, resourceNames: Array.from({ length: 1001 }, (_, index) => `name-${index}`) }],
  ["a name of 2049 characters", { node, resourceNames: ["x".repeat(2049)] }],
  ["a node.id of 1025 characters", { node: { id: "x".repeat(1025) }, resourceNames: [web] }],
])("%s: INVALID_ARGUMENT", async (_, request) => {
  const stream = at.client.sotw();
  stream.send(request);
  expect(await stream.failure()).toMatchObject({ code: 3 });
});

test("a delta stream cannot gather more names than one request may hold", async () => {
  const stream = at.client.delta();
  for (const part of [0, 1]) {
    const names = Array.from({ length: 600 }, (_, index) => `name-${part}-${index}`);
    stream.send({ node, resourceNamesSubscribe: names });
  }
  expect(await stream.failure()).toMatchObject({ code: 3, details: expect.stringContaining("1000") });
});

test("a message that is larger than gRPC allows ends the stream, not the server", async () => {
  const stream = at.client.sotw();
  stream.send({ node, resourceNames: ["x".repeat(5_000_000)] });
  expect(await stream.failure()).toMatchObject({ code: 8 });
  at.source.give(at.material.leaf(0));
  const again = at.client.sotw();
  again.ask(web);
  await again.next();
});

test("a secret that Envoy would refuse is not sent, and telemetry is told once", async () => {
  const [zero, one] = [at.material.leaf(0), at.material.leaf(1)];
  if (zero.kind !== "leaf" || one.kind !== "leaf") throw new Error("leaves");
  at.source.give({ ...zero, svid: { ...zero.svid, privateKey: one.svid.privateKey } });
  const stream = at.client.sotw();
  stream.ask(web);
  await eventually("the finding", () => at.sds.events.some(({ kind }) => kind === "withheld"));
  at.source.give(one);
  await stream.next();
  expect(at.source.recorded).toHaveLength(1);
  expect(at.sds.events.filter(({ kind }) => kind === "withheld")).toEqual([
    { kind: "withheld", name: web, flaw: "the private key does not belong to the leaf" },
  ]);
});

test("Fetch: one answer with what is there, recorded like any delivery", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(1));
  const response = await at.client.fetch({ node, resourceNames: [web, "ALL", api] });
  expect(response.resources).toHaveLength(2);
  expect(response.versionInfo).not.toBe("");
  expect(at.source.recorded).toHaveLength(1);
  expect((await at.client.fetch({ node, resourceNames: [web, "ALL"] })).versionInfo).toBe(
    response.versionInfo,
  );
  expect(at.source.openNow).toBe(0);
});

test("Fetch: NOT_FOUND, PERMISSION_DENIED and INVALID_ARGUMENT say what is the matter", async () => {
  await expect(at.client.fetch({ node, resourceNames: [web] })).rejects.toMatchObject({ code: 5 });
  at.source.withdraw(web, "unauthorised");
  await expect(at.client.fetch({ node, resourceNames: [web] })).rejects.toMatchObject({ code: 7 });
  await expect(at.client.fetch({ node })).rejects.toMatchObject({ code: 3 });
  await expect(at.client.fetch({ resourceNames: [web] })).rejects.toMatchObject({ code: 3 });
});
