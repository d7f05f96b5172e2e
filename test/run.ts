/**
 * `npm test`: every check and every test, ending with one plain line `N passed, N failed, N skipped`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

type Totals = { passed: number; failed: number; skipped: number };

function vitest(): Totals {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-test-"));
  const report = join(folder, "vitest.json");
  const run = spawnSync(
    process.execPath,
    [
      "node_modules/vitest/vitest.mjs",
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ],
    { stdio: "inherit" },
  );
  try {
    const read = JSON.parse(readFileSync(report, "utf8"));
    const failed = read.numFailedTests + (run.status !== 0 && read.numFailedTests === 0 ? 1 : 0);
    return { passed: read.numPassedTests, failed, skipped: read.numPendingTests + read.numTodoTests };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const totals = vitest();
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
