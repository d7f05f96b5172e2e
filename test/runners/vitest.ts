import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { add, nothing, type Outcome } from "./outcome.ts";

type Assertion = { fullName: string; status: string };
type FileReport = { name: string; status: string; assertionResults: Assertion[] };

/** Runs every vitest project, or the files that match the filters; what it prints goes straight to the terminal. */
export function vitestTests(filters: readonly string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-test-"));
  const report = join(folder, "vitest.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  try {
    const run = spawnSync(
      process.execPath,
      ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...filters],
      {
        stdio: "inherit",
      },
    );
    return existsSync(report)
      ? readReport(readFileSync(report, "utf8"), run.status)
      : {
          ...nothing,
          failed: [`vitest ended without a report (${run.signal ?? `exit code ${run.status}`})`],
        };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads vitest's JSON report. A file that broke before its first test, or a run that broke around them, is a failure. */
export function readReport(text: string, exitCode: number | null): Outcome {
  const { testResults } = JSON.parse(text) as { testResults: FileReport[] };
  const total = testResults.map(readFile).reduce(add, nothing);
  return exitCode !== 0 && total.failed.length === 0
    ? { ...total, failed: [`vitest ended with exit code ${exitCode} though no test failed; see its output`] }
    : total;
}

function readFile(file: FileReport): Outcome {
  const path = relative(process.cwd(), file.name);
  const named = (status: (word: string) => boolean): string[] =>
    file.assertionResults.filter((one) => status(one.status)).map((one) => `${path}: ${one.fullName}`);
  const failed = named((word) => word === "failed");
  return {
    passed: named((word) => word === "passed").length,
    failed: file.status === "failed" && failed.length === 0 ? [`${path}: the file did not load`] : failed,
    skipped: named((word) => word !== "passed" && word !== "failed"),
  };
}
