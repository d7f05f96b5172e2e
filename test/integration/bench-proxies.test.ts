/** `meshmint bench proxies` as users run it: registers, connects, checks, sums up, and leaves no process behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test as plainTest } from "vitest";
import { BenchMesh, type MeshAgent } from "../../bench/parts/bench-mesh.ts";
import { meshmint } from "../parts/ceremony.ts";
import { eventually } from "../parts/eventually.ts";
import { needs, projectRoot } from "../parts/parts.ts";

const test = needs("softhsm");
const signal = new AbortController().signal;
let mesh: BenchMesh;
let agent: MeshAgent;
let folder: string;

beforeAll(async () => {
  mesh = await BenchMesh.start();
  agent = await mesh.raiseAgent("one", signal);
  folder = mesh.path("programs");
});
afterAll(async () => mesh?.stop());

const argv = (...more: readonly string[]) => [
  ...["bench", "proxies", "--socket", agent.socket, "--holders", "4", "--check-every", "1"],
  ...["--template", "spiffe://bench.example/cli/{n}", "--programs", folder],
  ...["--admin", mesh.path("admin.sock"), "--register", agent.spiffeId, ...more],
];

function run(...more: readonly string[]) {
  const child = spawn(join(projectRoot, "bin/meshmint"), argv(...more), {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", err: "" };
  child.stdout.on("data", (text) => {
    said.out += text;
  });
  child.stderr.on("data", (text) => {
    said.err += text;
  });
  return { child, said };
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  const [code] = await once(child, "close");
  return code;
}

/** Processes that run a program of the folder. */
const standIns = (): number =>
  globSync("/proc/[0-9]*/exe").filter((exe) => {
    try {
      return readlinkSync(exe).startsWith(`${folder}/holder-`);
    } catch {
      return false; // it has ended meanwhile
    }
  }).length;

test("counts what it saw, with progress on the way, and ends its processes", async () => {
  const { child, said } = run("--duration", "4", "--slow", "1", "--flapping", "1", "--output", "json");
  expect(await exitCode(child)).toBe(0);
  const summary = JSON.parse(said.out);
  expect(summary).toMatchObject({
    holders: 4,
    connected: 4,
    withLeaf: 4,
    newestBundle: 4,
    failed: 0,
    flawed: 0,
  });
  expect(summary.checks).toBeGreaterThanOrEqual(80);
  expect(summary.handshakes).toBeGreaterThan(0);
  expect(said.err).toContain("registered 4 of 4");
  expect(said.err).toMatch(/s {2}4 of 4 connected/);
  await eventually("no stand-in", () => standIns() === 0);
});

test("killed at once, it leaves no process behind either", async () => {
  const { child, said } = run("--duration", "0");
  await eventually("four connected", () => said.err.includes("4 of 4 connected"), 60_000);
  expect(standIns()).toBe(4);
  child.kill("SIGKILL");
  await eventually("no stand-in", () => standIns() === 0);
});

plainTest(
  "what it is asked for wrongly is refused: misbehaving holders than there are, agents, identities",
  () => {
    const refusal = (...more: string[]) => {
      const { status, stderr } = meshmint(["bench", "proxies", "--socket", "a.sock", ...more]);
      return [status, stderr];
    };
    expect(refusal("--holders", "2", "--late", "3")).toEqual([2, expect.stringContaining("2 holders")]);
    expect(refusal("--register", "a,b")).toEqual([2, expect.stringContaining("one agent for each")]);
    expect(refusal("--template", "web-{n}")).toEqual([2, expect.stringContaining("SPIFFE ID")]);
    expect(refusal("--template", "spiffe://td/web")).toEqual([2, expect.stringContaining("same SPIFFE ID")]);
    expect(refusal("--delta", "2")).toEqual([2, expect.stringContaining("0 to 1")]);
    expect(refusal("--names", "/nowhere")).toEqual([2, expect.stringContaining("cannot be read")]);
    expect(refusal("--programs", "/tmp")).toEqual([2, expect.stringContaining("must be yours")]);
  },
);
