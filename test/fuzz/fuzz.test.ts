import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { expect, test } from "vitest";
import { allTargets } from "./all-targets.ts";
import { Corpus, corpusFolder } from "./corpus.ts";
import { fuzz } from "./fuzz-run.ts";
import { CaseMaker } from "./make-case.ts";
import { makeCorpus } from "./make-corpus.ts";

const seed = Number(process.env.SEED ?? 690);

test("100,000 hostile inputs: no parser crashes, hangs, takes long, or breaks what it promises", async () => {
  const plan = { seed, cases: 100_000, targets: [], slowMs: 50, untilMs: performance.now() + 110_000 };
  const { ran, findings } = await fuzz(plan, () => undefined);
  expect(findings, `npm run fuzz -- --seed ${seed} --target … --case …`).toEqual([]);
  expect(Object.values(ran).reduce((sum, { cases }) => sum + cases, 0)).toBeGreaterThanOrEqual(100_000);
});

test.each(allTargets())(
  "$name takes all of its corpus, and refuses most of what was bent",
  async (target) => {
    const corpus = new Corpus(target.name);
    for (const { name, bytes } of corpus.entries) expect(await target.run(bytes), name).toBe(true);
    const maker = new CaseMaker(target, corpus, seed);
    expect(maker.make(5)).toEqual(maker.make(5));
  },
);

test("the committed corpus has what its script makes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-corpus-"));
  try {
    await makeCorpus(folder);
    const files = (root: string) => readdirSync(root, { recursive: true }).map(String).toSorted();
    expect(files(corpusFolder).filter((name) => name !== "README.md")).toEqual(files(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
