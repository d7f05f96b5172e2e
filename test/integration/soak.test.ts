import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { slopeOf } from "../../bench/parts/process-memory.ts";
import { needs, projectRoot } from "../parts/parts.ts";

needs("softhsm")("a short soak: no process gains a descriptor, and every signature is accounted for", () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-soak-test-"));
  try {
    const file = join(folder, "soak.json");
    const argv = [join(projectRoot, "bench/run.ts"), "soak", "--signatures", "3200", "--json", file];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
    expect(stderr).not.toContain("Error");
    expect(status).toBe(0);
    const { results } = JSON.parse(readFileSync(file, "utf8"));
    expect(results.map((row: { process: string }) => row.process)).toEqual([
      "server",
      "signer",
      "signer child 1",
    ]);
    for (const row of results) {
      expect(row).toMatchObject({ signatures: 3200, failed: 0, reconciled: "true", intents_open: 0 });
      expect(row.journal_lines).toBe(row.certificates);
      expect(row.certificates).toBeGreaterThanOrEqual(3200);
      expect(row.fds_most - row.fds_least).toBeLessThanOrEqual(2); // a connection that comes or goes meanwhile
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the slope of a straight line is found, whatever lies around it evenly", () => {
  const points = Array.from({ length: 100 }, (_, x) => [x, 7 + 3 * x + (x % 2 === 0 ? 5 : -5)] as const);
  expect(slopeOf(points)).toBeCloseTo(3, 1);
});
