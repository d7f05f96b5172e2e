import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { allTargets } from "./all-targets.ts";
import type { Finding, FuzzPlan, FuzzReport, Share } from "./fuzz-plan.ts";
import { FuzzProgress } from "./fuzz-progress.ts";

/** No progress for this long is a hang, on however busy a machine. */
const hangMs = 20_000;
/** MiB; the parsers and their tables take about a third. */
const heapMiB = 192;
const mostFindings = 50;

/** Runs a plan, target after target, in one thread that is begun anew after a case that hangs or kills it. */
export async function fuzz(plan: FuzzPlan, tell: (sentence: string) => void): Promise<FuzzReport> {
  const shares = sharesOf(plan);
  const progress = new FuzzProgress(shares.length);
  const findings: Finding[] = [];
  const isOver = () => progress.share >= shares.length || performance.now() > plan.untilMs;
  while (!isOver() && findings.length < mostFindings) {
    const flaw = await watch({ plan, shares, progress, findings, tell });
    if (flaw === undefined) continue;
    findings.push({ target: shares[progress.share]?.target ?? "", number: progress.number, flaw });
    progress.skipCase();
  }
  const ran = shares.map(({ target, cases }, at) => {
    const done = at < progress.share ? cases : at === progress.share ? progress.number : 0;
    return [target, { cases: done, accepted: progress.accepted(at) }] as const;
  });
  return { ran: Object.fromEntries(ran), findings };
}

/** Cases by weight, at least one for each target. */
function sharesOf({ cases, targets }: FuzzPlan): Share[] {
  const all = allTargets();
  const unknown = targets.find((name) => !all.some((target) => target.name === name));
  const known = all.map(({ name }) => name).join(", ");
  if (unknown !== undefined) throw new RangeError(`no target ${unknown}; there are ${known}`);
  const chosen = all.filter(({ name }) => targets.length === 0 || targets.includes(name));
  const weights = chosen.reduce((sum, { weight }) => sum + weight, 0);
  return chosen.map(({ name, weight }) => ({ target: name, cases: Math.ceil((cases * weight) / weights) }));
}

type Watched = {
  readonly plan: FuzzPlan;
  readonly shares: readonly Share[];
  readonly progress: FuzzProgress;
  readonly findings: Finding[];
  readonly tell: (sentence: string) => void;
};

/** One thread until it is done or its time is up, or until it hangs or dies: then the reason. */
function watch({ plan, shares, progress, findings, tell }: Watched): Promise<string | undefined> {
  const worker = new Worker(new URL("fuzz-worker.ts", import.meta.url), {
    workerData: { plan, shares, progress: progress.memory },
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  });
  return new Promise((resolve) => {
    let [last, sinceMs] = ["", performance.now()];
    const end = (flaw?: string) => {
      clearInterval(watchdog);
      void worker.terminate().then(() => resolve(flaw));
    };
    const watchdog = setInterval(() => {
      const now = performance.now();
      const { target = "done", cases = 0 } = shares[progress.share] ?? {};
      const at = `${target}: ${progress.number} of ${cases}`;
      if (at !== last) [last, sinceMs] = [at, now];
      if (now - sinceMs > hangMs) end(`hangs: not done after ${hangMs / 1000} s`);
      else if (now > plan.untilMs || findings.length >= mostFindings) end();
      else tell(`${at}, ${progress.total(shares)} cases, ${findings.length} findings`);
    }, 2000);
    worker.on("message", (finding: Finding) => findings.push(finding));
    worker.on("error", (thrown) => end(`the thread died: ${String(thrown)}`));
    worker.on("exit", (code) => code === 0 && end());
  });
}
