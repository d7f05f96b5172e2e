/**
 * Runs cases one after another in a thread of its own, with a small heap: whoever started it watches `progress`, ends it
 * where a case hangs, and sees it die where a case takes all memory.
 */
import { performance } from "node:perf_hooks";
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { allTargets } from "./all-targets.ts";
import { Corpus } from "./corpus.ts";
import type { Finding, FuzzPlan, Share } from "./fuzz-plan.ts";
import { FuzzProgress } from "./fuzz-progress.ts";
import { CaseMaker } from "./make-case.ts";
import type { FuzzTarget } from "./target.ts";

const { plan, shares, ...given } = workerData as {
  plan: FuzzPlan;
  shares: readonly Share[];
  progress: SharedArrayBuffer;
};
const progress = new FuzzProgress(given.progress);

/** What no parser may do: change what every object inherits. */
const inherited = () => Object.keys(Object.prototype).length > 0 || "polluted" in {};

async function flawOf(target: FuzzTarget, bytes: Uint8Array): Promise<string | undefined> {
  const began = performance.now();
  try {
    if (await target.run(bytes)) progress.accept();
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.stack ?? thrown.message) : `threw ${String(thrown)}`;
  }
  if (inherited()) return "Object.prototype was changed";
  return performance.now() - began > plan.slowMs ? slowness(target, bytes) : undefined;
}

/**
 * A busy machine makes anything slow, and code that was never run is: what counts is the processor time of the fastest of ten
 * more runs. What is slow by itself is so in all of them.
 */
async function slowness(target: FuzzTarget, bytes: Uint8Array): Promise<string | undefined> {
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 10; run += 1) {
    const before = process.threadCpuUsage();
    await target.run(bytes);
    const { user, system } = process.threadCpuUsage(before);
    fastestMs = Math.min(fastestMs, (user + system) / 1000);
  }
  return fastestMs > plan.slowMs
    ? `${bytes.length} bytes took ${fastestMs.toFixed(0)} ms of processor time`
    : undefined;
}

async function runShare({ target: name, cases }: Share): Promise<void> {
  const target = allTargets().find((known) => known.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  const maker = new CaseMaker(target, new Corpus(name), plan.seed);
  for (let number = progress.number; number < cases; number += 1) {
    progress.begin(number);
    const flaw = await flawOf(target, maker.make(number));
    if (flaw !== undefined) parentPort?.postMessage({ target: name, number, flaw } satisfies Finding);
  }
}

for (let share = shares[progress.share]; share !== undefined; share = shares[progress.share]) {
  await runShare(share);
  progress.nextShare();
}
