import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { part } from "../test/parts/parts.ts";
import { Pkcs11Faults } from "../test/parts/pkcs11-faults/pkcs11-faults.ts";
import { defineBench, median, numberOf, numbersOf, quantile, type Row, rounded } from "./parts/bench.ts";
import type { BenchAgent } from "./parts/bench-agent.ts";
import { BenchMesh } from "./parts/bench-mesh.ts";
import { takeCsrs } from "./parts/csr-stock.ts";
import { openIssueClient } from "./parts/issue-client.ts";

type Stage = {
  readonly hsm: Pkcs11Faults;
  readonly mesh: BenchMesh;
  readonly agent: BenchAgent;
  readonly entryIds: readonly string[];
  readonly signal: AbortSignal;
};

type Load = { readonly batch: number; readonly inFlight: number; readonly count: number };

const entries = 64;
const leastSvids = 256;

export const bench = defineBench({
  question: "Are the sessions of a slow token kept busy: throughput beside sessions ÷ latency?",
  flags: {
    latency: { help: "milliseconds of one C_Sign", default: "1,5,20,60" },
    sessions: { help: "sessions of the signer, and what the token does at a time", default: "8" },
    seconds: { help: "length of one run, as long as the ideal would take", default: "6" },
    runs: { help: "runs of each row", default: "3" },
    batch: { help: "CSRs in one message", default: "16" },
    "in-flight": { help: "messages that wait for their answer at once", default: "16" },
  },
  async run(flags, signal) {
    const sessions = numberOf(flags.sessions);
    const folder = mkdtempSync(join(tmpdir(), "meshmint-slow-hsm-"));
    const hsm = new Pkcs11Faults({ folder, real: part("softhsm") });
    const mesh = await BenchMesh.start({ module: hsm.module, signer: { sessions } });
    try {
      const agent = await mesh.enrol("bench", signal);
      const entryIds = await mesh.register(agent, { prefix: "ns/bench/sa", count: entries }, signal);
      const stage = { hsm, mesh, agent, entryIds, signal };
      hsm.limit({ parallel: sessions });
      const load = { batch: numberOf(flags.batch), inFlight: numberOf(flags["in-flight"]) };
      await measure(stage, { ...load, count: 1000 }); // warm
      const rows: Row[] = [];
      for (const latencyMs of numbersOf(flags.latency)) {
        const ideal = (sessions * 1000) / latencyMs;
        const count = Math.max(leastSvids, Math.round(ideal * numberOf(flags.seconds)));
        const amount = { runs: numberOf(flags.runs), ...load, count };
        rows.push(await measureRow(stage, { latencyMs, sessions, ideal }, amount));
        console.error(JSON.stringify(rows.at(-1)));
      }
      return rows;
    } finally {
      hsm.mend();
      await mesh.stop();
      hsm.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

type Setting = { readonly latencyMs: number; readonly sessions: number; readonly ideal: number };

async function measureRow(
  stage: Stage,
  { latencyMs, sessions, ideal }: Setting,
  { runs, ...load }: Load & { readonly runs: number },
): Promise<Row> {
  stage.hsm.latency(latencyMs);
  const signedBefore = stage.hsm.calls("C_Sign");
  const measured = [];
  for (let run = 0; run < runs; run += 1) {
    stage.signal.throwIfAborted();
    measured.push(await measure(stage, load));
  }
  const latencies = measured.flatMap(({ latenciesMs }) => latenciesMs);
  const perSecond = median(measured.map((one) => one.perSecond));
  return {
    latency_ms: latencyMs,
    sessions,
    svids_per_second: rounded(perSecond),
    ideal_per_second: rounded(ideal),
    ratio_to_ideal: rounded(perSecond / ideal, 3),
    p50_ms: rounded(quantile(latencies, 0.5)),
    p99_ms: rounded(quantile(latencies, 0.99)),
    shed: measured.reduce((sum, { shed }) => sum + shed, 0),
    failed: measured.reduce((sum, { failed }) => sum + failed, 0),
    svids: load.count * runs,
    c_sign: stage.hsm.calls("C_Sign") - signedBefore,
  };
}

async function measure({ agent, entryIds }: Stage, { batch, inFlight, count }: Load) {
  const leaves = (await takeCsrs(count)).map((csrDer, at) => ({
    csrDer,
    entryId: entryIds[at % entryIds.length] ?? "",
  }));
  const client = openIssueClient(agent, "stream");
  const latenciesMs: number[] = [];
  let failed = 0;
  let shed = 0;
  const from = performance.now();
  const caller = async () => {
    while (leaves.length > 0) {
      const sent = performance.now();
      const asked = leaves.splice(-batch);
      const results = await client.issue(asked);
      latenciesMs.push(performance.now() - sent);
      // Who is told to come again does so, at the time that it was told: as an agent does.
      const again = asked.filter((_, at) => results[at]?.refused?.code === "retry");
      failed += results.filter((result) => !result?.issued).length - again.length;
      shed += again.length;
      if (again.length === 0) continue;
      await pause(Math.max(...results.map((result) => result?.refused?.retryAfterMs ?? 0)));
      leaves.push(...again);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const seconds = (performance.now() - from) / 1000;
  client.close();
  return { perSecond: (count - failed) / seconds, latenciesMs, failed, shed };
}
