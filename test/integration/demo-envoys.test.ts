/** The demo's Envoys, supervisor, load generator and proof rule, over an SDS server whose secrets the test brings. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { planDemo, proxiesOf } from "../../src/programs/demo/demo-plan.ts";
import { EnvoyAdmin, type EnvoyState, whyNotReplaced } from "../../src/programs/demo/envoy-admin.ts";
import { apiBootstrap, webBootstrap } from "../../src/programs/demo/envoy-bootstrap.ts";
import { LoadGenerator } from "../../src/programs/demo/load-generator.ts";
import { Supervisor } from "../../src/programs/demo/supervise.ts";
import { waitUntil } from "../../src/programs/demo/wait.ts";
import { FakeSecretSource } from "../fakes/fake-secret-source.ts";

import { OpensslCa } from "../parts/openssl-ca.ts";
import { needs, part } from "../parts/parts.ts";
import { type SdsServer, startSds } from "../parts/sds-server.ts";
import { bundleOf, svidFrom } from "../parts/svid.ts";

const test = needs("envoy", "openssl");
const signal = new AbortController().signal;
let folder: string;
let supervisor: Supervisor;
let sds: SdsServer | undefined;
const cas: OpensslCa[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-demo-envoys-"));
  supervisor = new Supervisor(() => undefined);
});
afterEach(async () => {
  await supervisor.stopAll();
  await sds?.close();
  for (const ca of cas.splice(0)) ca.remove();
  rmSync(folder, { recursive: true });
});

const newCa = (name: string): OpensslCa => {
  const ca = new OpensslCa(name);
  cas.push(ca);
  return ca;
};

async function raise() {
  const source = new FakeSecretSource();
  sds = await startSds({ source });
  const drawn = await planDemo(folder, 3);
  const agentSocket = sds.path;
  const plan = {
    ...drawn,
    api: { ...drawn.api, agentSocket },
    webs: drawn.webs.map((web) => ({ ...web, agentSocket })),
  };
  mkdirSync(plan.logs);
  const api = { spiffeId: plan.api.spiffeId, port: plan.api.listenPort };
  for (const proxy of proxiesOf(plan)) {
    const bootstrap =
      proxy.name === "api" ? apiBootstrap(proxy, plan.trustDomain) : webBootstrap({ ...proxy, api });
    const config = join(folder, `${proxy.name}.json`);
    writeFileSync(config, JSON.stringify(bootstrap));
    supervisor.start({
      name: proxy.name,
      command: part("envoy"),
      argv: ["-c", config, "--disable-hot-restart", "--concurrency", "1"],
      folder,
      logFile: join(plan.logs, `${proxy.name}.log`),
    });
  }
  return { source, plan };
}

test("renewals and a new root under traffic: each Envoy proves them, and no request fails", async () => {
  const [first, second] = [newCa("first"), newCa("second")];
  const { source, plan } = await raise();
  const leaves = (ca: OpensslCa) =>
    proxiesOf(plan).map(({ spiffeId }) => ({
      kind: "leaf" as const,
      name: spiffeId,
      svid: svidFrom(ca, spiffeId),
    }));
  const bundles = (...from: OpensslCa[]) =>
    (["ROOTCA", "ALL"] as const).map((name) => ({
      kind: "bundle" as const,
      name,
      form: name === "ROOTCA" ? ("trusted-ca" as const) : ("spiffe-validator" as const),
      bundles: [bundleOf(plan.trustDomain, ...from)],
    }));
  const admins = proxiesOf(plan).map(({ adminPort }) => new EnvoyAdmin(adminPort));
  const states = () => Promise.all(admins.map((admin) => admin.state(signal)));
  const eachReplaced = (before: readonly EnvoyState[]) =>
    waitUntil({ what: "each Envoy has replaced its leaf", limitMs: 20_000 }, signal, async () => {
      const flaws = (await states()).map((now, index) => whyNotReplaced(before[index] as EnvoyState, now));
      return flaws.find((flaw) => flaw !== undefined);
    });

  source.give(...bundles(first), ...leaves(first));
  for (const { listenPort } of plan.webs) {
    await waitUntil({ what: "web reaches api", limitMs: 20_000 }, signal, async () => {
      const { status } = await fetch(`http://127.0.0.1:${listenPort}/`, { signal });
      return status === 200 ? undefined : `HTTP ${status}`;
    });
  }
  const load = new LoadGenerator({
    ports: plan.webs.map(({ listenPort }) => listenPort),
    perSecond: 100,
    expectedBody: "api",
  });
  load.start();
  const atFirst = await states();
  expect(atFirst.map(({ leafSerials, rootSerials }) => [leafSerials.length, rootSerials.length])).toEqual(
    Array(3).fill([1, 1]),
  );
  source.give(...leaves(first));
  await eachReplaced(atFirst);

  const renewed = await states();
  source.give(...bundles(second, first));
  await waitUntil({ what: "each Envoy holds the new root", limitMs: 20_000 }, signal, async () => {
    const roots = (await states()).map(({ rootSerials }) => rootSerials.join());
    return roots.some((root, index) => root === renewed[index]?.rootSerials.join()) ? "not yet" : undefined;
  });
  source.give(...leaves(second));
  await eachReplaced(renewed);
  source.give(...bundles(second));

  const requests = load.count().total;
  await waitUntil({ what: "100 more answers", limitMs: 20_000 }, signal, async () =>
    load.count().total > requests + 100 ? undefined : "not yet",
  );
  const count = await load.stop();
  expect(count.failures).toEqual([]);
  expect(count.total).toBeGreaterThan(100);
});

test("an Envoy that is killed comes back on its old ports", async () => {
  const ca = newCa("only");
  const { source, plan } = await raise();
  source.give(
    {
      kind: "bundle",
      name: "ALL",
      form: "spiffe-validator",
      bundles: [bundleOf(plan.trustDomain, ca)],
    },
    { kind: "leaf", name: plan.api.spiffeId, svid: svidFrom(ca, plan.api.spiffeId) },
  );
  const admin = new EnvoyAdmin(plan.api.adminPort);
  const serves = async () => ((await admin.state(signal)).leafSerials.length === 1 ? undefined : "no leaf");
  await waitUntil({ what: "api serves", limitMs: 20_000 }, signal, serves);
  supervisor.signal("api", "SIGKILL");
  await waitUntil({ what: "api was started again", limitMs: 20_000 }, signal, async () =>
    supervisor.startsOf("api") === 2 ? undefined : "not yet",
  );
  await waitUntil({ what: "api serves again", limitMs: 20_000 }, signal, serves);
});
