/** Real Envoys under traffic, a new TLS connection for each request: back from the middle of a reissue, and through in a second attempt. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect } from "vitest";
import { LoadGenerator } from "../../../src/programs/demo/load-generator.ts";
import type { Envoy } from "../../parts/envoy.ts";
import { type EnvoyPair, startEnvoyPair } from "../../parts/envoy-pair.ts";
import { eventually } from "../../parts/eventually.ts";
import { needs, projectRoot } from "../../parts/parts.ts";
import { holdSecondCeremonies, offerOf } from "./second-ceremonies.ts";

const test = needs("softhsm", "envoy");
const run = promisify(execFile);
const limitMs = 90_000;
const rules = "rotation: { settle: 1s, reissueSpread: 12s, maxClockSkew: 1s }\n";
let pair: EnvoyPair;
let load: LoadGenerator;

beforeAll(async () => {
  pair = await startEnvoyPair({
    adjust: (file, text) => (file === "server.yaml" ? `${text}${rules}` : text),
  });
  load = new LoadGenerator({ ports: [pair.port], perSecond: 40, expectedBody: "hello from api\n" });
}, 120_000);
afterAll(async () => {
  await load?.stop();
  await pair?.stop();
});

type Status = {
  phase: string;
  laggards: { id: string; label: string; reason: string; quarantineEndsMs: string }[];
  bundleSequence: string;
};
type Secret = { kind: string; acknowledgedSerial: string };
type Proxies = { proxies: { id: string; holder: { pid: number; spiffeId: string; secrets: Secret[] } }[] };

/** Without waiting in this thread, which carries the traffic. */
async function cli(...argv: string[]): Promise<unknown> {
  const env = { ...process.env, MESHMINT_ADMIN: pair.mesh.adminSocket };
  const { stdout } = await run(join(projectRoot, "bin/meshmint"), [...argv, "--output", "json"], { env });
  return JSON.parse(stdout);
}
const rotation = async (...argv: string[]) => (await cli("rotation", ...argv)) as Status;
const phaseIs = (phase: string) =>
  eventually(`the phase ${phase}`, async () => (await rotation("status")).phase === phase, limitMs);
const anchors = async () => ((await cli("bundle", "show")) as { anchors: string[] }).anchors;
const serialsOf = async (envoy: Envoy) => (await envoy.leaves()).map((leaf) => leaf.serial_number).join();
const rootsOf = async (envoy: Envoy) =>
  [...new Set((await envoy.anchors()).map((root) => root.serial_number))].toSorted();

async function killServer(): Promise<void> {
  expect(await pair.mesh.server.stop("SIGKILL")).toBe("SIGKILL");
  await pair.mesh.server.start();
}

/** Every handshake that went wrong, counted by Envoy at both ends, and every request, counted by us. */
async function failures() {
  const { failed, failures: first } = load.count();
  const counted = await Promise.all(
    [pair.web, pair.api].map((envoy) =>
      envoy.stats("ssl\\.(connection_error|fail_verify.*)$|upstream_cx_connect_fail$|update_rejected$"),
    ),
  );
  const wrong = counted.flatMap((stats) => Object.entries(stats).filter(([, count]) => count > 0));
  return { failed, first, wrong };
}

test("R2: a roll-back from the middle of the reissue fails no handshake, through kills, and the next attempt ends", async () => {
  const made = holdSecondCeremonies(pair.mesh);
  const { web, api } = pair;
  const [old] = await anchors();
  const before = { web: await serialsOf(web), api: await serialsOf(api), roots: await rootsOf(web) };
  load.start();
  await rotation("start", ...offerOf(made));
  await phaseIs("anchored");
  await rotation("activate");
  const moved = await eventually(
    "the first Envoy that has a certificate of the new authority",
    async () => {
      if ((await serialsOf(web)) !== before.web) return "web";
      return (await serialsOf(api)) === before.api ? undefined : "api";
    },
    limitMs,
  );
  await rotation("rollback", "--reason", "a test of the way back");
  await killServer();
  expect((await rotation("status")).phase).toMatch(/rolling-back|idle/);
  await phaseIs("idle");
  await killServer();
  expect(await anchors()).toEqual([old]);
  const sequence = Number((await rotation("status")).bundleSequence);
  expect(sequence).toBeGreaterThan(2);
  await eventually("both Envoys with the old root alone", async () =>
    [await rootsOf(web), await rootsOf(api)].every((roots) => roots.join() === before.roots.join()),
  );
  expect(["web", "api"]).toContain(moved);
  expect(await failures()).toEqual({ failed: 0, first: [], wrong: [] });

  await rotation("start", ...offerOf(made));
  await phaseIs("anchored");
  const { proxies } = (await cli("proxies")) as Proxies;
  const id =
    proxies.find(({ holder }) => holder.pid === web.pid && holder.spiffeId.endsWith("/web"))?.id ?? "";
  await rotation("quarantine", id, "--reason", "a test of quarantine");
  const held = await serialsOf(web);
  await rotation("activate");
  const alone = await eventually(
    "web alone behind",
    async () => {
      const { laggards } = await rotation("status");
      const others = laggards.filter((one) => one.id !== id && !one.label.includes("/web"));
      return others.length === 0 && laggards.some((one) => one.id === id) ? laggards : undefined;
    },
    limitMs,
  );
  expect(Number(alone.find((one) => one.id === id)?.quarantineEndsMs)).toBeGreaterThan(Date.now());
  expect(await serialsOf(web)).toBe(held);
  await killServer();
  await rotation("release", id);
  await phaseIs("reissued");
  await rotation("retire");
  await phaseIs("done");
  expect(await anchors()).not.toContain(old);
  expect(Number((await rotation("status")).bundleSequence)).toBe(sequence + 2);
  const { total } = await load.stop();
  expect(total).toBeGreaterThan(500);
  expect(await failures()).toEqual({ failed: 0, first: [], wrong: [] });
  expect(await cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [] });
}, 300_000);
