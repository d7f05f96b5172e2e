import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import cruiserConfig from "../../.dependency-cruiser.mjs";
import { projectRoot } from "../parts/parts.ts";

type Violation = { from: string; rule: { name: string } };
type Cruise = { modules: { source: string }[]; summary: { violations: Violation[] } };

/** Runs the checker as `npm run check` does, with `folder` as the root of a tree that has a `src`. */
function cruise(folder: string): Cruise {
  const checker = join(projectRoot, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs");
  const config = join(projectRoot, ".dependency-cruiser.mjs");
  const run = spawnSync(process.execPath, [checker, "--config", config, "--output-type", "json", "src"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return JSON.parse(run.stdout) as Cruise;
}

const fired = (violations: readonly Violation[]): string[] =>
  violations.map(({ rule, from }) => `${rule.name}: ${from}`).sort();

test("the checker sees every source file (TypeScript 7 would make it see none, and pass)", () => {
  const { modules, summary } = cruise(projectRoot);
  const seen = modules.map((module) => module.source).filter((source) => source.startsWith("src/"));
  expect(new Set(seen)).toEqual(new Set(globSync("src/**/*.ts", { cwd: projectRoot })));
  expect(fired(summary.violations)).toEqual([]);
});

/** Rule and offender; where an offender stands in a cycle the checker names one or each of its members. */
const breaches = [
  "agent-never-reaches-signing: src/programs/agent/run.ts",
  "no-cycles: src/domain/policy/chicken.ts",
  "no-folder-cycles: src/control/ledger",
  "no-folder-cycles: src/control/rotation",
  "no-junk-drawers: src/domain/policy/drawer.ts",
  "no-vendor-in-use-cases: src/control/enrolment/vendor.ts",
  "one-hsm-door: src/backends/state-dir/second-door.ts",
  "pure-core: src/domain/identity/hashing.ts",
  "pure-core: src/domain/identity/validated.ts",
  "ring-agent: src/agent/keep/upward.ts",
  "ring-backends: src/backends/state-dir/upward.ts",
  "ring-client: src/client/workload.ts",
  "ring-control: src/control/enrolment/sideways.ts",
  "ring-custody: src/custody/upward.ts",
  "ring-domain: src/domain/identity/upward.ts",
  "ring-foundation: src/foundation/upward.ts",
  "ring-generated: src/generated/service.ts",
  "ring-programs: src/programs/server/run.ts",
  "ring-protocols: src/protocols/sds/upward.ts",
  "ring-wire: src/wire/upward.ts",
  "siblings-backends: src/backends/state-dir/sideways.ts",
  "siblings-programs: src/programs/cli/sideways.ts",
  "siblings-protocols: src/protocols/sds/sideways.ts",
  "signer-stays-small: src/programs/signer/run.ts",
  "two-native-doors: src/backends/state-dir/native-door.ts",
];

test("on the broken tree each rule fires where it is broken, and nowhere else", () => {
  const { summary } = cruise(join(projectRoot, "test/architecture/broken-tree"));
  expect([...new Set(fired(summary.violations))]).toEqual(breaches);
});

test("no rule is without a place on the broken tree that breaks it", () => {
  const rules = cruiserConfig.forbidden.map((rule: { name: string }) => rule.name);
  expect(new Set(breaches.map((breach) => breach.split(":")[0]))).toEqual(new Set(rules));
});
