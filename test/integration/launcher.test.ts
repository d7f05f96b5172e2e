/** `bin/meshmint` as its users start it. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { projectRoot } from "../parts/parts.ts";

/** What Node was told beside the program. */
function nodeFlags(...argv: readonly string[]): string[] {
  const tell = "--import=data:text/javascript,console.error(JSON.stringify(process.execArgv))";
  const environment = { ...process.env, NODE_OPTIONS: tell };
  const run = spawnSync(join(projectRoot, "bin/meshmint"), argv, { encoding: "utf8", env: environment });
  expect(run.status, run.stderr).toBe(0);
  return JSON.parse(run.stderr);
}

test("the server's heap is kept small, so that its memory comes to rest; the others are Node as it comes", () => {
  const kept = ["--max-semi-space-size=8", "--heap-growing-percent=100"];
  expect(nodeFlags("server", "run", "--help")).toEqual(kept);
  expect(nodeFlags("agent", "run", "--help")).toEqual([]);
  expect(nodeFlags("--help")).toEqual([]);
});
