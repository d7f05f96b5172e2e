/** `meshmint demo` as a person starts it: its report, and that nothing of it stays behind, however it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect } from "vitest";
import { eventually } from "../parts/eventually.ts";
import { needs, projectRoot } from "../parts/parts.ts";

const test = needs("softhsm", "envoy");
let folder: string;
let demo: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-demo-test-"));
});
afterEach(async () => {
  demo?.kill("SIGTERM");
  await eventually(
    "the demo ended",
    () => demo === undefined || demo.exitCode !== null || demo.signalCode !== null,
  );
  rmSync(folder, { recursive: true });
});

/** Starts a demo whose temporary folder is the test's own, so that what it leaves behind is seen. */
function start(...flags: string[]): { readonly said: () => string; readonly ended: Promise<number | null> } {
  const child = spawn("sh", [join(projectRoot, "bin/meshmint"), "demo", ...flags], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  demo = child;
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  return { said: () => said, ended: new Promise((resolve) => child.once("exit", resolve)) };
}

/** Processes that run in, or were started from, the demo's folder. */
function processesIn(path: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    return ["cwd", "exe"].some((name) => {
      try {
        return readlinkSync(`/proc/${pid}/${name}`).startsWith(path);
      } catch {
        return false; // gone, or a kernel thread
      }
    });
  });
}

const left = (): string[] => [...readdirSync(folder), ...processesIn(folder)];

test("the whole demo: nothing fails, every Envoy moves, the books agree, nothing is left", async () => {
  const file = join(folder, "report.json");
  const { said, ended } = start("--report", file);
  expect(await ended, said()).toBe(0);
  const report = JSON.parse(readFileSync(file, "utf8"));
  expect(report).toMatchObject({ ok: true, proxies: 2, requests_failed: 0, reconciled: true });
  expect(report.requests_total).toBeGreaterThan(1000);
  expect(report.ledger_certificates).toBe(report.journal_lines);
  expect(report.leaf_serial_after).not.toBe(report.leaf_serial_before);
  expect(report.root_after).not.toBe(report.root_before);
  expect(report.seconds_total).toBeLessThan(120);
  rmSync(file);
  expect(left()).toEqual([]);
}, 180_000);

test("kill -9 of signer, server and agent under traffic: no request fails, and the demo still ends well", async () => {
  const file = join(folder, "report.json");
  const { said, ended } = start("--report", file);
  const started = (name: string) =>
    [...said().matchAll(new RegExp(`${name}: pid (\\d+)`, "g"))].map(([, pid]) => Number(pid));
  await eventually("traffic flows", () => said().includes("5. leaf renewals"), 60_000);
  for (const name of ["server", "signer", "agent"]) {
    process.kill(started(name)[0] as number, "SIGKILL");
    await eventually(`${name} was started again`, () => started(name).length === 2);
  }
  expect(await ended, said()).toBe(0);
  const report = JSON.parse(readFileSync(file, "utf8"));
  expect(report, said()).toMatchObject({ ok: true, requests_failed: 0, reconciled: true });
  rmSync(file);
  expect(left()).toEqual([]);
}, 180_000);

test.each([
  ["the ceremony", "1. token and ceremony"],
  ["the start of the programs", "signer: pid"],
  ["the start of the Envoys", "api: pid"],
  ["the traffic", "4. traffic"],
])("Ctrl-C during %s stops everything and leaves nothing", async (_what, sign) => {
  const { said, ended } = start();
  await eventually(`the demo says "${sign}"`, () => said().includes(sign), 60_000);
  demo?.kill("SIGINT");
  expect(await ended).not.toBe(0);
  expect(left()).toEqual([]);
});

test("a terminal that is closed stops everything and leaves nothing", async () => {
  const { said, ended } = start();
  await eventually("programs run", () => said().includes("server: pid"), 60_000);
  demo?.kill("SIGHUP");
  await ended;
  expect(left()).toEqual([]);
});

test("an impatient second Ctrl-C leaves nothing either", async () => {
  const { said, ended } = start();
  await eventually("programs run", () => said().includes("server: pid"), 60_000);
  demo?.kill("SIGINT");
  const again = setInterval(() => demo?.kill("SIGINT"), 50); // some meant as one, some as the second
  await ended;
  clearInterval(again);
  await eventually("nothing is left", () => left().length === 0);
  expect(existsSync(folder)).toBe(true);
});
