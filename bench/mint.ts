import { defineBench, median, numberOf, numbersOf, quantile, type Row, rounded } from "./parts/bench.ts";
import type { BenchAgent } from "./parts/bench-agent.ts";
import { BenchMesh } from "./parts/bench-mesh.ts";
import { takeCsrs } from "./parts/csr-stock.ts";
import { FloorSamples } from "./parts/floor-samples.ts";
import { type AskedLeaf, type IssueMode, openIssueClient } from "./parts/issue-client.ts";
import { threadCpuMicros, treeCpuMicros } from "./parts/process-cpu.ts";

type Setting = { readonly batch: number; readonly inFlight: number; readonly mode: IssueMode };

/** What one run gave. */
type Run = {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly floorMicros: number;
  readonly latenciesMs: readonly number[];
  readonly failed: number;
  readonly issued: number;
};

type Stage = {
  readonly mesh: BenchMesh;
  readonly agent: BenchAgent;
  readonly entryIds: readonly string[];
  readonly floor: FloorSamples;
  readonly signal: AbortSignal;
};

type Amount = { readonly runs: number; readonly svids: number; readonly threads: boolean };

const entries = 64;
/** SVIDs between two samples of the floor: a second or two. Never fewer than are in flight, or it would be all start and end. */
const shortestStretch = 1000;
/** Of a run: with fewer samples of the floor the ratio of a run was off by a tenth, as the processors change their speed for seconds. */
const leastStretches = 4;

export const bench = defineBench({
  question:
    "What does one SVID cost over mTLS with HSM, self-check and durable ledger, beside its bare cryptography?",
  flags: {
    batch: { help: "CSRs in one message", default: "1,16,64,256" },
    "in-flight": { help: "messages that wait for their answer at once", default: "1,16,64" },
    mode: { help: "stream, unary, or both with a comma", default: "stream,unary" },
    svids: { help: "SVIDs of one run of a row, at least", default: "4000" },
    runs: { help: "runs of each row", default: "5" },
    "warm-up": { help: "SVIDs before the first row, for Node's compilers to come to rest", default: "60000" },
    threads: { help: "yes: print the CPU per SVID of each thread too", default: "no" },
  },
  async run(flags, signal) {
    const settings = settingsOf(flags);
    const mesh = await BenchMesh.start();
    const floor = new FloorSamples();
    try {
      const agent = await mesh.enrol("bench", signal);
      const entryIds = await mesh.register(agent, { prefix: "ns/bench/sa", count: entries }, signal);
      const stage = { mesh, agent, entryIds, floor, signal };
      await load(stage, { batch: 16, inFlight: 16, mode: "stream" }, numberOf(flags["warm-up"]));
      const rows: Row[] = [];
      for (const setting of settings) {
        signal.throwIfAborted();
        const amount = {
          runs: numberOf(flags.runs),
          svids: numberOf(flags.svids),
          threads: flags.threads === "yes",
        };
        const row = await measureRow(stage, setting, amount);
        rows.push(row);
        console.error(JSON.stringify(row));
      }
      return rows;
    } finally {
      floor.close();
      await mesh.stop();
    }
  },
});

function settingsOf(flags: Readonly<Record<"batch" | "in-flight" | "mode", string>>): Setting[] {
  const modes = flags.mode.split(",").map((mode) => {
    if (mode !== "stream" && mode !== "unary") throw new TypeError(`"${mode}" is neither stream nor unary`);
    return mode;
  });
  return modes.flatMap((mode) =>
    numbersOf(flags.batch).flatMap((batch) =>
      numbersOf(flags["in-flight"]).map((inFlight) => ({ batch, inFlight, mode })),
    ),
  );
}

async function measureRow(stage: Stage, setting: Setting, { runs, svids, threads }: Amount): Promise<Row> {
  const before = await certificatesIn(stage);
  const threadsBefore = threadsOf(stage.mesh);
  const results: Run[] = [];
  for (let run = 0; run < runs; run += 1) {
    stage.signal.throwIfAborted();
    results.push(await load(stage, setting, svids));
  }
  const issued = results.reduce((sum, run) => sum + run.issued, 0);
  if (threads) printThreads(stage.mesh, threadsBefore, issued);
  const of = (figure: (run: Run) => number) => median(results.map(figure));
  const latencies = results.flatMap(({ latenciesMs }) => latenciesMs);
  return {
    batch: setting.batch,
    in_flight: setting.inFlight,
    mode: setting.mode,
    svids_per_second: Math.round(of(({ perSecond }) => perSecond)),
    cpu_us_per_svid: rounded(of(({ cpuMicros }) => cpuMicros)),
    floor_us_per_svid: rounded(of(({ floorMicros }) => floorMicros)),
    ratio_to_floor: rounded(
      of(({ cpuMicros, floorMicros }) => cpuMicros / floorMicros),
      2,
    ),
    p50_ms: rounded(quantile(latencies, 0.5)),
    p99_ms: rounded(quantile(latencies, 0.99)),
    failed: results.reduce((sum, { failed }) => sum + failed, 0),
    svids: issued,
    ledger_certificates: (await certificatesIn(stage)) - before,
  };
}

/** Stretches of load, each between two samples of the floor: so that whatever else the machine does meets both. */
async function load(stage: Stage, setting: Setting, svids: number): Promise<Run> {
  const { mesh, agent, floor } = stage;
  const stretches = Math.max(
    leastStretches,
    Math.floor(svids / Math.max(shortestStretch, setting.batch * setting.inFlight)),
  );
  const batches = Math.max(setting.inFlight, Math.ceil(svids / stretches / setting.batch));
  const work = await takeWork(stage, setting.batch, stretches * batches);
  const floors = [await floor.take()];
  const cpuFrom = cpuOf(mesh);
  const latenciesMs: number[] = [];
  let [failed, seconds] = [0, 0];
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    const from = performance.now();
    const answered = await issueAll(agent, setting, work.splice(0, batches));
    seconds += (performance.now() - from) / 1000;
    latenciesMs.push(...answered.latenciesMs);
    failed += answered.failed;
    floors.push(await floor.take());
  }
  const issued = stretches * batches * setting.batch - failed; // a refusal must not make the others look cheap
  return {
    perSecond: issued / seconds,
    cpuMicros: (cpuOf(mesh) - cpuFrom) / issued,
    floorMicros: meanOfStretches(floors),
    latenciesMs,
    failed,
    issued,
  };
}

async function takeWork({ entryIds }: Stage, batch: number, count: number): Promise<AskedLeaf[][]> {
  const csrs = await takeCsrs(count * batch);
  const leaves = csrs.map((csrDer, at) => ({ csrDer, entryId: entryIds[at % entryIds.length] ?? "" }));
  return Array.from({ length: count }, (_, at) => leaves.slice(at * batch, (at + 1) * batch));
}

/** Each stretch's floor is the mean of the samples before and after it. */
function meanOfStretches(floors: readonly number[]): number {
  const between = floors.slice(1).map((floor, at) => (floor + (floors[at] ?? floor)) / 2);
  return between.reduce((sum, floor) => sum + floor, 0) / between.length;
}

async function issueAll(agent: BenchAgent, { mode, inFlight }: Setting, batches: AskedLeaf[][]) {
  const client = openIssueClient(agent, mode);
  const latenciesMs: number[] = [];
  let failed = 0;
  const caller = async () => {
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
      const from = performance.now();
      const results = await client.issue(batch);
      latenciesMs.push(performance.now() - from);
      for (const result of results) if (!result?.issued) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  client.close();
  return { latenciesMs, failed };
}

/** Every process but this client: signer with its worker, and server. */
const cpuOf = ({ signer, server }: BenchMesh): number =>
  treeCpuMicros(signer.pid) + treeCpuMicros(server.pid);

const threadsOf = ({ signer, server }: BenchMesh) => ({
  signer: threadCpuMicros(signer.pid),
  server: threadCpuMicros(server.pid),
});

async function certificatesIn({ mesh, signal }: Stage): Promise<number> {
  return Number((await mesh.admin.call("VerifyLedger", {}, signal)).certificates);
}

function printThreads(mesh: BenchMesh, before: ReturnType<typeof threadsOf>, svids: number): void {
  const after = threadsOf(mesh);
  for (const program of ["signer", "server"] as const) {
    for (const [thread, micros] of after[program]) {
      const used = (micros - (before[program].get(thread) ?? 0)) / svids;
      if (used >= 0.5) console.error(`  ${program} ${thread.padEnd(16)} ${used.toFixed(1)} µs per SVID`);
    }
  }
}
