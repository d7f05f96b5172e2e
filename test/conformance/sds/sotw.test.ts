import { expect, test } from "vitest";
import { eventually } from "../../parts/eventually.ts";
import { eachWithServer, told } from "./fixture.ts";
import { api, web } from "./material.ts";
import { secretType } from "./model-client.ts";

const at = eachWithServer();

test("S1: a first request without node.id ends the stream with INVALID_ARGUMENT", async () => {
  const stream = at.client.sotw();
  stream.send({ typeUrl: secretType, resourceNames: [web] });
  expect(await stream.failure()).toMatchObject({ code: 3, details: expect.stringContaining("node.id") });
});

test("S1: the node of the first request is the stream's; later requests carry none, or another in vain", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  stream.ack(await stream.next(), web);
  stream.send({ node: { id: "other" }, resourceNames: [web, api] });
  at.source.give(at.material.apiLeaf());
  await stream.next();
  expect(at.source.recorded.map(({ label }) => label)).toEqual(["proxy-1", "proxy-1"]);
});

test("S2: type_url may be left out; response and Any name the type; another type is INVALID_ARGUMENT", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.send({ node: { id: "proxy-1" }, resourceNames: [web] });
  expect((await stream.next()).typeUrls).toEqual([secretType, secretType]);
  stream.send({ typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster", resourceNames: [web] });
  expect(await stream.failure()).toMatchObject({ code: 3 });
});

test("S3, S12: a name that does not exist is remembered in silence and pushed when it appears", async () => {
  const stream = at.client.sotw();
  stream.ask(web);
  await eventually("the subscription", () => told(at.source).includes(`subscribed ${web}`));
  at.source.withdraw(web, "unauthorised");
  at.source.give(at.material.leaf(0));
  const first = await stream.next();
  expect(first.names).toEqual([web]);
  expect(first.nonce).not.toBe("");
});

test("S4: at most one response without a verdict; what changes meanwhile is sent once, in its last state", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  const first = await stream.next();
  at.source.give(at.material.leaf(1));
  at.source.give(at.material.bundle(1));
  at.source.give(at.material.leaf(2));
  stream.ack(first, web);
  const second = await stream.next();
  expect(second.nonce).not.toBe(first.nonce);
  expect(stream.heard).toHaveLength(2);
  const serials = at.source.recorded.flatMap(({ deliveries }) =>
    deliveries.flatMap((one) => (one.kind === "leaf" ? [one.serial] : [])),
  );
  const [zero, two] = [at.material.leaf(0), at.material.leaf(2)];
  expect(serials).toEqual([zero, two].map((secret) => secret.kind === "leaf" && secret.svid.serial));
});

test("S4: a request with an older nonce is ignored wholly: no verdict, no names", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  const first = await stream.next();
  stream.ack(first, web);
  at.source.give(at.material.leaf(1));
  const second = await stream.next();
  stream.nack(first, api);
  stream.ack(second, web);
  await eventually(
    "the second verdict",
    () => told(at.source).filter((event) => event.startsWith("ack")).length === 2,
  );
  expect(told(at.source)).toEqual([`subscribed ${web}`, `acknowledged ${web}`, `acknowledged ${web}`]);
  expect(at.sds.events.some(({ kind }) => kind === "stale-request")).toBe(true);
});

test("S5: a verdict is read from nonce and error_detail, whatever version_info says", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  const { nonce, version } = await stream.next();
  const errorDetail = { code: 13, message: "" };
  stream.send({ resourceNames: [web], responseNonce: nonce, versionInfo: version, errorDetail });
  at.source.give(at.material.leaf(1));
  const second = await stream.next();
  stream.send({ resourceNames: [web], responseNonce: second.nonce, versionInfo: "" });
  await eventually("both", () => told(at.source).length === 3);
  expect(told(at.source).slice(1)).toEqual([`refused ${web}`, `acknowledged ${web}`]);
});

test("S6: refused bytes are never sent again; after the wait the same content comes in other bytes", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  const first = await stream.next();
  const refusedAt = performance.now();
  stream.nack(first, web);
  at.source.give(at.material.leaf(0));
  const second = await stream.next();
  expect(performance.now() - refusedAt).toBeGreaterThan(900);
  expect(second.version).not.toBe(first.version);
  expect(second.bytes[0]?.equals(first.bytes[0] as Buffer)).toBe(false);
  expect(second.bytes[0]?.toString("latin1").replace("# retry 1\n", "").includes("BEGIN CERTIFICATE")).toBe(
    true,
  );
});

test("S6: refused bytes are not sent again on a new stream of the same process either", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  const first = await stream.next();
  stream.nack(first, web);
  await eventually("the refusal", () => told(at.source).includes(`refused ${web}`));
  stream.cancel();
  await eventually("the session's end", () => at.source.openNow === 0);
  const again = at.client.sotw();
  again.ask(web);
  expect((await again.next()).version).not.toBe(first.version);
});

test.each(["ack", "nack"] as const)("S7: an %s changes the names", async (answer) => {
  at.source.give(at.material.leaf(0), at.material.apiLeaf());
  const stream = at.client.sotw();
  stream.ask(web);
  stream[answer](await stream.next(), api);
  expect((await stream.next()).names).toEqual([api]);
  expect(told(at.source)).toContain(`unsubscribed ${web}`);
});

test("S8: a name that was dropped and asked for again is sent again; dropping alone is not answered", async () => {
  at.source.give(at.material.leaf(0), at.material.apiLeaf());
  const stream = at.client.sotw();
  stream.ask(web, api);
  const first = await stream.next();
  expect(first.names).toEqual([web, api]);
  stream.ack(first, api);
  stream.ack(first, api, web);
  const second = await stream.next();
  expect(second.names).toEqual([web]);
});

test("S9: no names, or *, ask for nothing", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask();
  stream.ask("*");
  stream.ask("*", web);
  expect((await stream.next()).names).toEqual([web]);
  expect(told(at.source)).toEqual([`subscribed ${web}`]);
});

test("S10: only what changed is sent, under the names that were asked for", async () => {
  at.source.give(at.material.leaf(0), at.material.leaf(0, "default"), at.material.bundle(1, "ROOTCA"));
  const stream = at.client.sotw();
  stream.ask("default", web, "ROOTCA");
  const first = await stream.next();
  expect(first.names).toEqual(["ROOTCA", "default", web]);
  stream.ack(first, "default", web, "ROOTCA");
  at.source.give(at.material.leaf(1));
  expect((await stream.next()).names).toEqual([web]);
});

test("S10: an ACK counts only for names that were in the response and are still subscribed", async () => {
  at.source.give(at.material.leaf(0), at.material.apiLeaf());
  const stream = at.client.sotw();
  stream.ask(web, api, "ROOTCA");
  stream.ack(await stream.next(), api, "ROOTCA");
  await eventually("the verdict", () => told(at.source).some((event) => event.startsWith("acknowledged")));
  expect(told(at.source).filter((event) => event.startsWith("acknowledged"))).toEqual([
    `acknowledged ${api}`,
  ]);
});

test("S11: a name that is asked for twice is sent once", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web, web);
  expect((await stream.next()).names).toEqual([web]);
});

test("S12: a secret that goes away is not talked about", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(1));
  const stream = at.client.sotw();
  stream.ask(web, "ALL");
  stream.ack(await stream.next(), web, "ALL");
  await eventually("the verdict", () => told(at.source).includes(`acknowledged ${web}`));
  at.source.withdraw(web, "unauthorised");
  at.source.give(at.material.bundle(2));
  expect((await stream.next()).names).toEqual(["ALL"]);
});

test("S13: on a new stream everything is sent again, whatever version and nonce the request carries over", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(web);
  const first = await stream.next();
  stream.ack(first, web);
  const again = at.client.sotw();
  again.send({
    node: { id: "proxy-1" },
    resourceNames: [web],
    versionInfo: first.version,
    responseNonce: first.nonce,
  });
  const second = await again.next();
  expect(second.version).toBe(first.version);
  expect(second.nonce).not.toBe(first.nonce);
});

test("S14: a name that is not for the caller, or is no name at all, does not disturb the others", async () => {
  at.source.withdraw(api, "unauthorised");
  at.source.give(at.material.leaf(0));
  const stream = at.client.sotw();
  stream.ask(api, "no such thing", web);
  expect((await stream.next()).names).toEqual([web]);
  const unauthorised = at.sds.events.filter(({ kind }) => kind === "unauthorised");
  expect(unauthorised).toEqual([{ kind: "unauthorised", pid: process.pid, name: api }]);
});
