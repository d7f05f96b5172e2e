/**
 * `npm run fuzz -- [--target NAME]… [--cases N] [--seed S] [--seconds T] [--case NUMBER]`: hostile bytes for every parser.
 * Each finding is saved with the command that repeats it. Exit code 0 only when there is none.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { parseArgs } from "node:util";
import { allTargets } from "./all-targets.ts";
import { Corpus } from "./corpus.ts";
import type { Finding } from "./fuzz-plan.ts";
import { fuzz } from "./fuzz-run.ts";
import { CaseMaker } from "./make-case.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true, default: [] },
    cases: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    seconds: { type: "string", default: "3600" },
    case: { type: "string" },
  },
});
const number = (name: "cases" | "seed" | "seconds"): number => {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`--${name} ${values[name]} is no whole number`);
  return value;
};
const seed = number("seed");

const makerFor = (name: string): CaseMaker => {
  const target = allTargets().find((known) => known.name === name);
  if (target === undefined) throw new RangeError(`no target ${name}`);
  return new CaseMaker(target, new Corpus(name), seed);
};

function save({ target, number: at, flaw }: Finding): void {
  const folder = join(import.meta.dirname, "findings");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${target}-${seed}-${at}`);
  writeFileSync(file, makerFor(target).make(at));
  console.log(`\nFOUND ${target} case ${at}: ${flaw}`);
  console.log(`  input   ${file}`);
  console.log(`  repeat  npm run fuzz -- --target ${target} --seed ${seed} --case ${at}`);
}

/** Runs one case here, with nothing between it and a debugger. */
async function repeat(name: string, at: number): Promise<void> {
  const target = allTargets().find((known) => known.name === name);
  const bytes = makerFor(name).make(at);
  const began = performance.now();
  const accepted = await target?.run(bytes);
  console.log(
    `${bytes.length} bytes, ${accepted ? "accepted" : "refused"}, ${(performance.now() - began).toFixed(1)} ms`,
  );
}

async function run(): Promise<void> {
  const began = performance.now();
  const untilMs = began + number("seconds") * 1000;
  const plan = { seed, cases: number("cases"), targets: values.target, slowMs: 50, untilMs };
  console.log(`seed ${seed}`);
  const { ran, findings } = await fuzz(plan, (sentence) => console.log(sentence));
  for (const [name, { cases, accepted }] of Object.entries(ran))
    console.log(`${name}: ${cases}, ${accepted} accepted`);
  for (const finding of findings) save(finding);
  const cases = Object.values(ran).reduce((sum, one) => sum + one.cases, 0);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `\n${cases} cases for ${Object.keys(ran).length} parsers in ${seconds} s, ${findings.length} findings`,
  );
  process.exitCode = findings.length > 0 ? 1 : 0;
}

await (values.case === undefined ? run() : repeat(values.target[0] ?? "", Number(values.case)));
