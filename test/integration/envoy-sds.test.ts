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
  const patience = { offerAgain: seconds(1), holdLeaf: seconds(2) };
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
