/** The schedule with the real programs and a SoftHSM: rotates by itself under traffic, through kills, until the stock is low. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect } from "vitest";
import { BenchMesh, type MeshAgent } from "../../../bench/parts/bench-mesh.ts";
import { meshmint } from "../../parts/ceremony.ts";
import { eventually } from "../../parts/eventually.ts";
import { needs, part, projectRoot } from "../../parts/parts.ts";
import { rotationNow } from "../../parts/rotation-now.ts";

const test = needs("softhsm");
const signal = new AbortController().signal;
/** The shortest leaves that there are, and the shortest interval that they allow. */
const svids = { workloadTtl: "20s", longestTtl: "20s", nodeTtl: "1m", serverTtl: "1m" };
const quick = { settle: "1s", reissueSpread: "1s", maxClockSkew: "1s" };
const schedule = { every: "62s", margin: "10s" };
let mesh: BenchMesh;
let agent: MeshAgent;

beforeAll(async () => {
  mesh = await BenchMesh.start({ server: { svids, rotation: { ...quick, schedule } } });
  agent = await mesh.raiseAgent("one", signal);
});
afterAll(async () => mesh?.stop());

const cli = (...argv: string[]) => {
  const { stdout, stderr } = meshmint([...argv, "--admin", mesh.path("admin.sock"), "--output", "json"]);
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
};
const hasEnded = async () => (await rotationNow(mesh.path("admin.sock"))).phase === "done";
const stepsTo = (phase: string) =>
  mesh.server.lines.filter(({ msg, to }) => msg === "the rotation took a step" && to === phase);
const metric = async (name: string) => {
  const text = await (await fetch(`${mesh.opsUrl}/metrics`)).text();
  return text.split("\n").find((line) => line.startsWith(name));
};

/** Simulated proxies that verify each other's certificates all the time. */
function traffic(): { readonly child: ChildProcess; readonly said: { out: string; err: string } } {
  const argv = [
    ...["bench", "proxies", "--socket", agent.socket, "--holders", "4", "--check-every", "1"],
    ...["--template", "spiffe://bench.example/sched/{n}", "--programs", mesh.path("programs")],
    ...["--admin", mesh.path("admin.sock"), "--register", agent.spiffeId, "--ttl", "20s"],
    ...["--duration", "0", "--output", "json"],
  ];
  const child = spawn(join(projectRoot, "bin/meshmint"), argv, { stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.on("data", (text) => {
    said.out += text;
  });
  child.stderr.on("data", (text) => {
    said.err += text;
  });
  return { child, said };
}

test("R10: it rotates twice by itself under traffic and through a kill, and warns when the stock is low", async () => {
  const { child, said } = traffic();
  await eventually("four proxies", () => said.err.includes("4 of 4 connected"), 60_000);
  const bundle = cli("bundle", "show");
  const first = cli("rotation", "stock");
  expect(first.summary).toMatchObject({ inStock: 3, level: "enough", held: "" });
  expect(first.items.map(({ state }: { state: string }) => state).sort()).toEqual(
    ["active", ...Array(3).fill("in-stock")].sort(),
  );
  const active = first.items.find(({ state }: { state: string }) => state === "active").keyId;
  const destroyed = meshmint(
    ["ceremony", "orphans", "-c", mesh.path("ceremony.yaml"), "--destroy", active, "--yes"].concat([
      "--admin",
      mesh.path("admin.sock"),
    ]),
  );
  expect(destroyed.stderr).toContain(`knows the key ${active} (active). Nothing was destroyed`);

  await eventually("the first draw", () => stepsTo("prepared").length === 1, 90_000);
  expect(await mesh.server.stop("SIGKILL")).toBe("SIGKILL");
  await mesh.server.start();
  await eventually("its end", hasEnded, 90_000);
  const ended = cli("rotation", "status");
  expect(ended.stock).toMatchObject({ inStock: 2, level: "enough" });

  await eventually("the second draw", () => stepsTo("prepared").length === 2, 120_000);
  expect(stepsTo("prepared").map(({ actor }) => actor)).toEqual(["schedule", "schedule"]);
  await eventually("its end", hasEnded, 90_000);
  const last = cli("rotation", "status");
  expect(last.newAuthority).not.toBe(ended.newAuthority);
  expect(last.stock).toMatchObject({ inStock: 1, level: "low" });
  expect(last.stock.advice).toContain("hold `meshmint ceremony intermediate`");
  expect(await metric("meshmint_intermediates_in_stock")).toBe("meshmint_intermediates_in_stock 1");
  expect(await metric('meshmint_rotation_draws_total{because="interval"}')).toMatch(/ 1$/); // of this process
  const warned = mesh.server.lines.filter(({ level, inStock }) => level === 40 || inStock === 1);
  expect(warned.some(({ msg }) => String(msg).startsWith("1 intermediate is left in stock"))).toBe(true);
  expect(cli("bundle", "show")).toEqual(bundle);
  expect(cli("ledger", "verify")).toMatchObject({ reconciled: true, differences: [] });

  child.kill("SIGINT");
  await once(child, "close");
  const summary = JSON.parse(said.out);
  expect(summary).toMatchObject({ holders: 4, withLeaf: 4, failed: 0, flawed: 0 });
  expect(summary.handshakes).toBeGreaterThan(100);
}, 400_000);

/** A key that a ceremony left behind, made by a process of its own: this one has another SoftHSM, or none. */
function leaveOrphan(label: string): void {
  const from = (path: string) => JSON.stringify(join(projectRoot, "src/backends/pkcs11", path));
  const script = `
    const { openModule } = await import(${from("module.ts")});
    const { openToken } = await import(${from("token.ts")});
    const { generateKeyPair } = await import(${from("key-objects.ts")});
    const module = openModule(${JSON.stringify(part("softhsm"))});
    const pin = new TextEncoder().encode("issuing-1234");
    const token = openToken(module, { label: "issuing", pin, access: "read-write" });
    generateKeyPair(token, { label: ${JSON.stringify(label)}, curve: "P-256" });
    module.close();
  `;
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, SOFTHSM2_CONF: mesh.path("softhsm2.conf") },
  });
  expect(run.stderr).toBe("");
}

test("R11: what a later ceremony makes is in stock without a restart; an orphan is named, and destroyed by name", async () => {
  const config = JSON.parse(readFileSync(mesh.path("ceremony.yaml"), "utf8"));
  const later = { ...config, outputFolder: "later", intermediate: { label: "later", count: 2 } };
  writeFileSync(mesh.path("later.yaml"), JSON.stringify(later));
  mesh.hold("intermediate", "later.yaml");
  leaveOrphan("left over");
  const { summary, items } = await eventually("the new ones", () => {
    const report = cli("rotation", "stock");
    return report.items.some(({ label }: { label: string }) => label === "left over") && report;
  });
  expect(summary).toMatchObject({ level: "enough", advice: "" });
  const made = items.filter(({ label }: { label: string }) => label.startsWith("later-"));
  expect(made.map((item: { state: string }) => item.state)).toEqual(["in-stock", "in-stock"]);
  const { keyId, state } = items.find(({ label }: { label: string }) => label === "left over");
  expect(state).toBe("orphaned");
  const orphans = ["ceremony", "orphans", "-c", mesh.path("later.yaml"), "--output", "json"];
  const destroy = ["--destroy", keyId, "--yes", "--admin", mesh.path("admin.sock")];
  const { stdout } = meshmint([...orphans, ...destroy], { SOFTHSM2_CONF: mesh.path("softhsm2.conf") });
  expect(JSON.parse(stdout).tokens[1]).toMatchObject({ orphans: [], destroyed: [{ keyId }] });
  await eventually("it is gone", () =>
    cli("rotation", "stock").items.every((item: { keyId: string }) => item.keyId !== keyId),
  );
}, 120_000);

/** Starts the server with this in place of its rotation and lifetimes, and gives what it ends with. */
async function refused(change: object): Promise<{ readonly status: number | null; readonly said: string }> {
  await mesh.server.stop();
  const file = mesh.path("server.yaml");
  const whole = readFileSync(file, "utf8");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(whole), ...change }));
  const run = spawnSync(join(projectRoot, "bin/meshmint"), ["server", "run", "-c", file], {
    encoding: "utf8",
    timeout: 60_000,
  });
  writeFileSync(file, whole);
  return { status: run.status, said: `${run.stdout}${run.stderr}` };
}

test("R12: a configuration that schedule and stock cannot carry is refused, with what to do; the one before starts again", async () => {
  const short = await refused({ rotation: { ...quick, schedule: { every: "61s", margin: "10s" } } });
  expect(short.status).toBe(2);
  expect(short.said).toMatch(
    /rotation.schedule.every.* is shorter than a rotation may take, 1m2s.*lower svids/,
  );

  const long = await refused({ rotation: { ...quick, schedule: { every: "3000d", margin: "10s" } } });
  expect(long.status).toBe(2);
  expect(long.said).toMatch(/none lives for more than 365d.*lower rotation.schedule.every/);

  await mesh.server.start();
  expect(cli("rotation", "status").phase).toBe("done");
}, 120_000);
