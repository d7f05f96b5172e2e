import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, expect, test } from "vitest";
import { threadCpuMicros, treeCpuMicros } from "../../bench/parts/process-cpu.ts";
import { needs, projectRoot } from "../parts/parts.ts";

const folder = mkdtempSync(join(tmpdir(), "meshmint-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

function runBench(...argv: readonly string[]) {
  const run = spawnSync(process.execPath, [join(projectRoot, "bench/run.ts"), ...argv], { encoding: "utf8" });
  if (run.error) throw run.error;
  return run;
}

test("without a name every bench is listed with its question; an unknown name is refused", () => {
  const { stdout } = runBench();
  for (const name of ["floor", "mint", "ledger-rows"])
    expect(stdout).toMatch(new RegExp(`^  ${name} +.+\\?$`, "m"));
  expect(runBench("mint", "--help").stdout).toContain("--in-flight");
  const unknown = runBench("nothing");
  expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining("mint")]);
});

needs("softhsm")(
  "mint: real programs, every certificate in the ledger, a row per setting in the file",
  () => {
    const file = join(folder, "mint.json");
    const settings = ["--batch", "4", "--in-flight", "2", "--mode", "stream,unary"];
    const { stderr, status } = runBench(
      "mint",
      ...settings,
      "--svids",
      "48",
      "--runs",
      "1",
      "--warm-up",
      "40",
      "--json",
      file,
    );
    expect(stderr).not.toContain("Error");
    expect(status).toBe(0);
    const { machine, results } = JSON.parse(readFileSync(file, "utf8"));
    expect(machine).toMatchObject({ node: process.versions.node, cores: expect.any(Number) });
    expect(results).toHaveLength(2);
    for (const row of results) {
      expect(row).toMatchObject({ failed: 0, svids: 48, ledger_certificates: 48 });
      expect(row.ratio_to_floor).toBeGreaterThan(1);
    }
  },
);

needs("softhsm", "envoy")(
  "rotation: a small fleet with one who is late and one who hangs, then a lost key, through all of it without a failed handshake",
  () => {
    const file = join(folder, "rotation.json");
    const fleet = ["--holders", "20", "--late", "5", "--never", "5", "--late-after", "1"];
    const quick = ["--ttl", "20", "--settle", "1", "--latency", "20", "--spread", "2"];
    const { stderr, status } = runBench("rotation", ...fleet, ...quick, "--json", file);
    expect(stderr).not.toContain("Error");
    expect(status).toBe(0);
    const { results } = JSON.parse(readFileSync(file, "utf8"));
    expect(results).toMatchObject([
      { holders: 20, handshakes_failed: 0, flawed_secrets: 0, requests_failed: 0 },
    ]);
    const [row] = results;
    expect(row.handshakes_checked).toBeGreaterThan(1000);
    expect(row.requests).toBeGreaterThan(100);
    expect(row.barrier_seconds).toBeGreaterThan(10); // the one that hangs is waited for until its certificate has ended
    expect(row.reissue_per_second).toBeGreaterThan(0);
    expect(row.capacity_per_second).toBeGreaterThan(0);
    expect([row.svids_replaced, row.lists_acknowledged]).toEqual([20, 20]);
    expect(row.replace_seconds).toBeGreaterThan(1); // `settle`
    expect(row.time_to_replace_seconds).toBeCloseTo(row.replace_seconds + row.push_seconds, 1);
  },
  300_000,
);

test("CPU of a process tree: work of a child counts, and each thread by its name", () => {
  const before = treeCpuMicros(process.pid);
  const burn = "const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end);";
  spawnSync(process.execPath, ["-e", burn]);
  const used = treeCpuMicros(process.pid) - before;
  expect(used).toBeGreaterThan(290_000);
  const threads = threadCpuMicros(process.pid);
  expect(Math.max(...threads.values())).toBeGreaterThan(0);
});
