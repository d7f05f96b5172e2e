import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { X509Svid } from "../../src/domain/trust/svid.ts";
import { seconds } from "../../src/foundation/duration.ts";
import { FakeSecretSource } from "../fakes/fake-secret-source.ts";
import { Envoy } from "../parts/envoy.ts";
import { mtlsListener, sdsCluster } from "../parts/envoy-bootstrap.ts";
import { eventually } from "../parts/eventually.ts";
import { type ClientSide, mtlsGet, tlsProbe } from "../parts/mtls-request.ts";
import { OpensslCa } from "../parts/openssl-ca.ts";
import { needs } from "../parts/parts.ts";
import { type SdsServer, startSds } from "../parts/sds-server.ts";
import { bundleOf, svidFrom } from "../parts/svid.ts";

const web = "spiffe://td.example/web";
/** How Envoy writes that name in its statistics. */
const webStat = "sds.spiffe_td.example/web";
const protocols = ["GRPC", "DELTA_GRPC"] as const;
const envoyTest = needs("envoy", "openssl");

let ca: OpensslCa;
let client: ClientSide;
beforeAll(() => {
  ca = new OpensslCa();
  const { chain, key } = ca.leaf("spiffe://td.example/client");
  client = { chain, key, roots: ca.root.certificate };
});
afterAll(() => ca.remove());

let source: FakeSecretSource;
let sds: SdsServer | undefined;
let envoy: Envoy | undefined;
beforeEach(() => {
  source = new FakeSecretSource();
});
afterEach(async () => {
  await envoy?.stop();
  await sds?.close();
});

const leaf = (svid: X509Svid) => ({ kind: "leaf" as const, name: web, svid });
const bundle = (name: string) => ({
  kind: "bundle" as const,
  name,
  form: name === "ROOTCA" ? ("trusted-ca" as const) : ("spiffe-validator" as const),
  bundles: [bundleOf("td.example", ca)],
});

async function start(api: (typeof protocols)[number], validation: string) {
  // Short, so that what waits a minute in a mesh waits a second here; blind, so that Envoy has something to refuse.
  const patience = { offerAgain: seconds(1), holdLeaf: seconds(2), forget: seconds(60) };
  sds = await startSds({ source, patience, inspect: () => undefined });
  envoy = await Envoy.start({
    node: { id: "proxy-1", cluster: "mesh" },
    static_resources: {
      listeners: [mtlsListener("in", "hello", { api, leaf: web, validation })],
      clusters: [sdsCluster(sds.path)],
    },
  });
  return envoy;
}

/** The proof rule: Envoy's word (update_success) counts only with the serial in /certs and on the wire. */
async function serves(proxy: Envoy, port: number, serial: string): Promise<void> {
  await eventually(`Envoy loads ${serial}`, async () =>
    (await proxy.leaves()).some((loaded) => sameSerial(loaded.serial_number, serial)),
  );
  expect(sameSerial((await tlsProbe(port, client)).serialNumber, serial)).toBe(true);
}

/** Node, Envoy and we write leading zeros each in its own way. */
const sameSerial = (one: string, other: string): boolean => BigInt(`0x${one}`) === BigInt(`0x${other}`);

const contextUpdates = async (proxy: Envoy): Promise<number> =>
  Object.values(await proxy.stats("ssl_context_update_by_sds$")).reduce((sum, one) => sum + one, 0);

for (const api of protocols) {
  for (const validation of ["ALL", "ROOTCA"]) {
    envoyTest(
      `${api} ${validation}: first secrets arrive, and a renewal swaps the serial under traffic`,
      async () => {
        const first = svidFrom(ca, web);
        source.give(bundle(validation), leaf(first));
        const proxy = await start(api, validation);
        const port = await proxy.port("in");
        await serves(proxy, port, first.serial);
        expect(await proxy.stat(`${webStat}.update_success`)).toBe(1);
        expect(await proxy.stat(`${webStat}.update_rejected`)).toBe(0);

        const updates = await contextUpdates(proxy);
        const traffic = { stop: false, answers: [] as string[] };
        const running = (async () => {
          while (!traffic.stop) traffic.answers.push(await mtlsGet(port, client));
        })();
        await eventually("traffic", () => traffic.answers.length > 5);
        const second = svidFrom(ca, web);
        source.give(leaf(second));
        await serves(proxy, port, second.serial);
        const before = traffic.answers.length;
        await eventually("traffic on the new certificate", () => traffic.answers.length > before + 5);
        traffic.stop = true;
        await running;

        expect(new Set(traffic.answers)).toEqual(new Set(["HTTP/1.1 200 OK"]));
        expect(await proxy.stat(`${webStat}.update_success`)).toBe(2);
        expect(await proxy.stat(`${webStat}.update_rejected`)).toBe(0);
        expect(await contextUpdates(proxy)).toBe(updates + 1);
        await eventually("both acknowledgements", () => {
          const acknowledged = source.events.filter(({ kind }) => kind === "acknowledged");
          return acknowledged.filter(({ name }) => name === web).length === 2;
        });
      },
    );
  }
}

const withWrongKey = (svid: X509Svid): X509Svid => ({ ...svid, privateKey: svidFrom(ca, web).privateKey });

const deliveredVersions = (name: string): string[] =>
  (sds?.events ?? []).flatMap((event) =>
    event.kind === "delivered" && event.name === name ? [event.version] : [],
  );
const judged = (kind: "refused" | "acknowledged", name: string) =>
  source.events.flatMap((event) => (event.kind === kind && event.name === name ? [event] : []));

for (const api of protocols) {
  envoyTest(
    `${api}: trap 0.1, a pair that Envoy refuses is never sent to it in the same bytes again`,
    async () => {
      const good = svidFrom(ca, web);
      source.give(bundle("ALL"), leaf(good));
      const proxy = await start(api, "ALL");
      const port = await proxy.port("in");
      await serves(proxy, port, good.serial);

      source.give(leaf(withWrongKey(svidFrom(ca, web))));
      // Twice: as it is, and again after the wait, because the bundle is clean.
      await eventually("two refusals", () => judged("refused", web).length >= 2);
      expect(judged("refused", web)[0]).toMatchObject({ detail: expect.stringMatching(/^13: .*key/is) });
      const refused = judged("refused", web).map((event) => ("version" in event ? event.version : ""));
      for (const version of refused) {
        expect(deliveredVersions(web).filter((one) => one === version)).toHaveLength(1);
        expect(
          judged("acknowledged", web).some((event) => "version" in event && event.version === version),
        ).toBe(false);
      }
      await serves(proxy, port, good.serial);

      const better = svidFrom(ca, web);
      const updates = await contextUpdates(proxy);
      source.give(leaf(better));
      await serves(proxy, port, better.serial);
      expect(await contextUpdates(proxy)).toBe(updates + 1);
      expect(await proxy.stat(`${webStat}.update_success`)).toBe(2);
      await eventually("the acknowledgement", () => judged("acknowledged", web).length === 2);
    },
  );

  envoyTest(
    `${api}: trap 0.1, Envoy acknowledges bytes that it refused, so a new agent sends others`,
    async () => {
      const good = svidFrom(ca, web);
      source.give(bundle("ALL"), leaf(good));
      const proxy = await start(api, "ALL");
      await serves(proxy, await proxy.port("in"), good.serial);
      const bad = leaf(withWrongKey(svidFrom(ca, web)));
      source.give(bad);
      await eventually("the refusal", () => judged("refused", web).length === 1);
      const [refusedVersion] = judged("refused", web).map((event) =>
        "version" in event ? event.version : "",
      );

      // An agent that has forgotten everything brings the trap about: this is Envoy's doing, and why we record.
      await sds?.restart();
      await eventually("Envoy's false acknowledgement", () =>
        judged("acknowledged", web).some((event) => "version" in event && event.version === refusedVersion),
      );
      expect((await proxy.leaves()).some((one) => sameSerial(one.serial_number, bad.svid.serial))).toBe(
        false,
      );

      source.unsettled = [web];
      source.events.length = 0;
      await sds?.restart();
      await eventually("an honest refusal", () => judged("refused", web).length >= 1);
      expect(judged("acknowledged", web)).toEqual([]);
    },
  );

  envoyTest(
    `${api}: trap 0.2, a bundle refused for its leaf's fault is taken once the leaf is clean`,
    async () => {
      source.give(leaf(withWrongKey(svidFrom(ca, web))));
      const proxy = await start(api, "ALL");
      await eventually(
        "Envoy takes a leaf that it cannot check yet",
        () => judged("acknowledged", web).length === 1,
      );

      source.give(bundle("ALL"));
      await eventually("Envoy blames the bundle", () => judged("refused", "ALL").length === 1);
      expect(judged("refused", "ALL")[0]).toMatchObject({ detail: expect.stringMatching(/key/i) });

      const better = svidFrom(ca, web);
      source.give(leaf(better));
      await eventually("the leaf's acknowledgement", () => judged("acknowledged", web).length === 2);
      await eventually("the bundle's acknowledgement", () => judged("acknowledged", "ALL").length === 1);
      expect(judged("refused", "ALL")).toHaveLength(1);
      expect(new Set(deliveredVersions("ALL")).size).toBe(2);
      await serves(proxy, await proxy.port("in"), better.serial);
    },
  );
}

for (const api of protocols) {
  envoyTest(
    `${api}: a proxy that comes back gets its new bundle, and acknowledges it, before its new leaf`,
    async () => {
      const first = svidFrom(ca, web);
      source.give(bundle("ALL"), leaf(first));
      const proxy = await start(api, "ALL");
      await serves(proxy, await proxy.port("in"), first.serial);
      await eventually("both acknowledgements", () => judged("acknowledged", web).length > 0);

      const [second, otherCa] = [svidFrom(ca, web), new OpensslCa("second root")];
      source.heldBundles = ["ALL"];
      const from = sds?.events.length ?? 0;
      await sds?.restart(() => {
        source.give({ ...bundle("ALL"), bundles: [bundleOf("td.example", otherCa, ca)] }, leaf(second));
      });
      otherCa.remove();
      await serves(proxy, await proxy.port("in"), second.serial);
      const events = (sds?.events.slice(from) ?? []).flatMap((event) =>
        event.kind === "delivered" || event.kind === "acknowledged" ? [`${event.kind} ${event.name}`] : [],
      );
      expect(events.slice(0, 3)).toEqual(["delivered ALL", "acknowledged ALL", `delivered ${web}`]);
      expect(await proxy.anchors()).toHaveLength(2);
    },
  );
}
