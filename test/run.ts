/**
 * `npm test`: the tests in TypeScript (vitest), Go and Python, one after another, with one plain line at the end:
 * `N passed, N failed, N skipped`. Exit code 0 only when something ran and nothing failed.
 */
import process from "node:process";
import { goTests } from "./runners/go.ts";
import { add, nothing, type Outcome, summary } from "./runners/outcome.ts";
import { pythonTests } from "./runners/python.ts";
import { vitestTests } from "./runners/vitest.ts";

/** Arguments name vitest files, as `npm test -- test/integration/deploy.test.ts`: then the other languages rest. */
const filters = process.argv.slice(2);
const suites: readonly (readonly [string, () => Outcome])[] = [
  ["TypeScript", () => vitestTests(filters)],
  ...(filters.length > 0
    ? []
    : ([
        ["Go", goTests],
        ["Python", pythonTests],
      ] as const)),
];

const outcomes = suites.map(([language, run]) => {
  console.log(`\n== ${language}`);
  return [language, run()] as const;
});

console.log("\n== Summary");
for (const [language, outcome] of outcomes) {
  console.log(
    `${language}: ${outcome.passed} passed, ${outcome.failed.length} failed, ${outcome.skipped.length} skipped`,
  );
  for (const name of outcome.skipped) console.log(`  skipped  ${name}`);
  for (const name of outcome.failed) console.log(`  FAILED   ${name}`);
}
const total = outcomes.map(([, outcome]) => outcome).reduce(add, nothing);
process.exitCode = total.failed.length > 0 || total.passed === 0 ? 1 : 0;
console.log(summary(total));
