import { expect, test } from "vitest";
import { eventually } from "../../parts/eventually.ts";
import { eachWithServer, told } from "./fixture.ts";
import { api, web } from "./material.ts";
import { secretType } from "./model-client.ts";

const at = eachWithServer();
const node = { id: "proxy-1" };

test("S1, S2: node.id and type_url are asked for as in state of the world", async () => {
  const nameless = at.client.delta();
  nameless.send({ resourceNamesSubscribe: [web] });
  expect(await nameless.failure()).toMatchObject({ code: 3, details: expect.stringContaining("node.id") });
  const other = at.client.delta();
  other.send({ node, typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster" });
  expect(await other.failure()).toMatchObject({ code: 3 });
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.send({ node, resourceNamesSubscribe: [web] });
  expect((await stream.next()).typeUrls).toEqual([secretType, secretType]);
});

test("a process that asks for ever new names that are not for it fills neither memory nor the log", async () => {
  const names = Array.from({ length: 300 }, (_, at) => `spiffe://mesh.test/other-${at}`);
  for (const name of names) at.source.withdraw(name, "unauthorised");
  const stream = at.client.delta();
  let before: string[] = [];
  for (let from = 0; from < names.length; from += 100) {
    const now = names.slice(from, from + 100);
    stream.send({ node, resourceNamesSubscribe: now, resourceNamesUnsubscribe: before });
    const answer = await stream.next();
    expect(answer.removed).toHaveLength(100);
    stream.ack(answer);
    before = now;
  }
  expect(at.sds.events.filter(({ kind }) => kind === "unauthorised")).toHaveLength(100);
});

test("a process asks for so many names on all its streams and no more; what it gives up counts no longer", async () => {
  const names = Array.from({ length: 1000 }, (_, at) => `spiffe://mesh.test/other-${at}`);
  const streams = Array.from({ length: 17 }, () => at.client.delta());
  for (const stream of streams) stream.send({ node, resourceNamesSubscribe: names });
  const failed = await Promise.any(streams.map((stream) => stream.failure()));
  expect(failed).toMatchObject({ code: 8, details: expect.stringContaining("16384") });
  at.source.give(at.material.leaf(0));
  const further = at.client.delta();
  further.send({ node, resourceNamesSubscribe: [web] });
  expect((await further.next()).names).toEqual([web]);
});

test("S4: at most one response without a verdict, and then the last state", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.ask(web);
  const first = await stream.next();
  at.source.give(at.material.leaf(1));
  at.source.give(at.material.leaf(2));
  stream.ack(first);
  await stream.next();
  expect(at.source.recorded).toHaveLength(2);
  const two = at.material.leaf(2);
  expect(at.source.recorded[1]?.deliveries).toMatchObject([
    { serial: two.kind === "leaf" ? two.svid.serial : "" },
  ]);
});

test("S6: refused bytes are never sent again; after the wait the same content comes in other bytes", async () => {
  at.source.give(at.material.bundle(1));
  const stream = at.client.delta();
  stream.ask("ALL");
  const first = await stream.next();
  stream.nack(first);
  const second = await stream.next();
  expect(second.versions).not.toEqual(first.versions);
});

test.each(["stale", "nack"] as const)(
  "D1: subscribing and giving up count in a %s request",
  async (answer) => {
    at.source.give(at.material.leaf(0), at.material.apiLeaf());
    const stream = at.client.delta();
    stream.ask(web);
    const first = await stream.next();
    const change = { resourceNamesSubscribe: [api], resourceNamesUnsubscribe: [web] };
    if (answer === "nack") stream.nack(first, change);
    else {
      stream.send({ responseNonce: "of another stream", ...change });
      stream.ack(first);
    }
    expect((await stream.next()).names).toEqual([api]);
    expect(told(at.source)).toContain(`unsubscribed ${web}`);
    expect(told(at.source)).not.toContain(`acknowledged ${web}`);
  },
);

test("D1: a spontaneous request has no nonce and no verdict", async () => {
  at.source.give(at.material.leaf(0), at.material.apiLeaf());
  const stream = at.client.delta();
  stream.ask(web);
  const first = await stream.next();
  stream.send({ resourceNamesSubscribe: [api] });
  await eventually("the subscription", () => told(at.source).includes(`subscribed ${api}`));
  expect(stream.heard).toHaveLength(1);
  stream.ack(first);
  expect((await stream.next()).names).toEqual([api]);
});

test("D2: a name that is subscribed to again is answered although nothing changed", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.ask(web);
  const first = await stream.next();
  stream.ack(first);
  stream.send({ resourceNamesSubscribe: [web] });
  const second = await stream.next();
  expect(second.versions).toEqual(first.versions);
  stream.ack(second, { resourceNamesUnsubscribe: [web] });
  stream.send({ resourceNamesSubscribe: [web] });
  expect((await stream.next()).versions).toEqual(first.versions);
});

test("D3: what the client holds is not sent again, counts as acknowledged, and is recorded like a delivery", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.ask(web);
  const first = await stream.next();
  stream.ack(first);
  await eventually("the verdict", () => told(at.source).includes(`acknowledged ${web}`));
  stream.cancel();
  await eventually("the session's end", () => at.source.openNow === 0);
  at.source.events.length = 0;

  const again = at.client.delta();
  const initialResourceVersions = { [web]: first.versions[0] ?? "", [api]: "unasked" };
  again.send({ node, resourceNamesSubscribe: [web], initialResourceVersions });
  await eventually("the confirmation", () => told(at.source).includes(`acknowledged ${web}`));
  expect(at.source.recorded).toHaveLength(2);
  at.source.give(at.material.leaf(1));
  const next = await again.next();
  expect(next.names).toEqual([web]);
  expect(next.versions).not.toEqual(first.versions);
});

test("D3: another version than the current one is replaced, and later requests hold no versions", async () => {
  at.source.give(at.material.leaf(0), at.material.apiLeaf());
  const stream = at.client.delta();
  stream.send({ node, resourceNamesSubscribe: [web], initialResourceVersions: { [web]: "old" } });
  const first = await stream.next();
  expect(first.names).toEqual([web]);
  stream.ack(first);
  const other = at.client.delta();
  other.ask(api);
  const version = (await other.next()).versions[0] ?? "";
  stream.send({ resourceNamesSubscribe: [api], initialResourceVersions: { [api]: version } });
  expect((await stream.next()).names).toEqual([api]);
});

test("D3: a version that the process refused is not taken for held", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.ask(web);
  const first = await stream.next();
  stream.nack(first);
  await eventually("the refusal", () => told(at.source).includes(`refused ${web}`));
  const again = at.client.delta();
  const initialResourceVersions = { [web]: first.versions[0] ?? "" };
  again.send({ node, resourceNamesSubscribe: [web], initialResourceVersions });
  expect((await again.next()).versions).not.toEqual(first.versions);
});

test("D4: an unauthorised name is removed, once; a pending one is met with silence; both come when they appear", async () => {
  at.source.withdraw(web, "unauthorised");
  const stream = at.client.delta();
  stream.ask(web, api);
  const first = await stream.next();
  expect(first).toMatchObject({ names: [], removed: [web] });
  stream.ack(first);
  at.source.withdraw(web, "unauthorised");
  at.source.give(at.material.apiLeaf());
  const second = await stream.next();
  expect(second).toMatchObject({ names: [api], removed: [] });
  stream.ack(second);
  at.source.give(at.material.leaf(0));
  expect(await stream.next()).toMatchObject({ names: [web], removed: [] });
});

test("D4: a secret that is taken from the caller is removed", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.ask(web);
  stream.ack(await stream.next());
  at.source.withdraw(web, "unauthorised");
  expect(await stream.next()).toMatchObject({ names: [], removed: [web] });
});

test("D5: nonce, a version per resource, and no name both sent and removed", async () => {
  at.source.give(at.material.leaf(0), at.material.bundle(1));
  at.source.withdraw(api, "unauthorised");
  const stream = at.client.delta();
  stream.ask(web, "ALL", api);
  const response = await stream.next();
  expect(response).toMatchObject({ names: ["ALL", web], removed: [api] });
  expect(response.nonce).not.toBe("");
  expect(response.version).not.toBe("");
  for (const version of response.versions) expect(version).toMatch(/^[0-9a-f]{64}$/);
});

test("D6: giving up an unknown name changes nothing and is not answered", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.ask(web);
  stream.ack(await stream.next(), { resourceNamesUnsubscribe: ["never heard of"] });
  at.source.give(at.material.leaf(1));
  expect((await stream.next()).names).toEqual([web]);
  expect(told(at.source)).toEqual([`subscribed ${web}`, `acknowledged ${web}`]);
});

test("S9: * and an empty list ask for nothing", async () => {
  at.source.give(at.material.leaf(0));
  const stream = at.client.delta();
  stream.send({ node });
  stream.send({ resourceNamesSubscribe: ["*"] });
  stream.send({ resourceNamesSubscribe: [web] });
  expect((await stream.next()).names).toEqual([web]);
  expect(told(at.source)).toEqual([`subscribed ${web}`]);
});
