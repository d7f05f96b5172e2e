import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { grammarRules } from "../../src/domain/certificate/lint/grammar.ts";
import { orderRules } from "../../src/domain/certificate/lint/lint.ts";
import { projectRoot } from "../parts/parts.ts";

const page = readFileSync(join(projectRoot, "docs/conformance.md"), "utf8");

/** The rows of every table on the page: the rule's name, and the files that its last two cells name. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => {
    const [, name = "", , code = "", proof = ""] = line.split("|");
    const paths = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path ?? "");
    return { name: name.trim().replaceAll("`", ""), code: paths(code), tests: paths(proof) };
  });

test("docs/conformance.md has rules, each once, and each names code that is there", () => {
  expect(rows.length).toBeGreaterThan(0);
  const names = rows.map(({ name }) => name);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  const missing = rows.flatMap(({ name, code }) =>
    code.length === 0 ? [`${name}: no code`] : code.filter((path) => !existsSync(join(projectRoot, path))),
  );
  expect(missing).toEqual([]);
});

test("each rule of docs/conformance.md has a test that is named after it", () => {
  const unproved = rows.flatMap(({ name, tests }) => {
    const named = new RegExp(`["\`][^"\`]*\\b${name}\\b`);
    const wrong = tests.filter((path) => {
      const file = join(projectRoot, path);
      return !existsSync(file) || !named.test(readFileSync(file, "utf8"));
    });
    return tests.length === 0 ? [`${name}: no test`] : wrong.map((path) => `${name}: ${path}`);
  });
  expect(unproved).toEqual([]);
});

test("each lint rule cites a specification, or a rule of docs/conformance.md", () => {
  const specification = /^(RFC \d+|X509-SVID|CA\/Browser Forum BR) §\d+(\.\d+)*$/;
  const ours = new Set(rows.map(({ name }) => `docs/conformance.md ${name}`));
  const flaws = Object.entries({ ...grammarRules, ...orderRules }).flatMap(([name, { cites }]) =>
    cites.length === 0
      ? [`${name}: cites nothing`]
      : cites
          .filter((cited) => !specification.test(cited) && !ours.has(cited))
          .map((cited) => `${name}: ${cited}`),
  );
  expect(flaws).toEqual([]);
});
