import { setTimeout as sleep } from "node:timers/promises";
import { defineBench, numberOf, numbersOf, quantile, type Row, rounded } from "./parts/bench.ts";
import type { BenchAgent } from "./parts/bench-agent.ts";
import { BenchMesh } from "./parts/bench-mesh.ts";
import { takeCsrs } from "./parts/csr-stock.ts";
import { type AskedLeaf, openIssueClient } from "./parts/issue-client.ts";
import { atRate, OpenLoop, type OpenLoopTally } from "./parts/open-loop.ts";
import { RefusalCost } from "./parts/refusal-cost.ts";

const kinds = ["flood", "quiet", "renewal"] as const;
type Kind = (typeof kinds)[number];

/** Who asks: each with a node of its own, so that no stream of one holds up another's. */
type Askers = Readonly<Record<Kind, { readonly agent: BenchAgent; readonly entryIds: readonly string[] }>>;

type Stage = {
  readonly mesh: BenchMesh;
  readonly askers: Askers;
  readonly leaves: LeafSupply;
  readonly seconds: number;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
};

type Level = {
  readonly percent: number;
  readonly tallies: Readonly<Record<Kind, OpenLoopTally>>;
  /** What the server had learned when the last was sent, and how many it then had between queue and answer at most. */
  readonly learnedPerSecond: number;
  readonly window: number;
};

/** Leaves a second of the quiet tenant and of renewals near expiry, whatever the flood does. */
const quietPerSecond = 20;
const renewalsPerSecond = 20;
const floodEntries = 64;
/** A leaf is near its expiry when a third of this is left. */
const renewalTtlSeconds = 30;

export const bench = defineBench({
  question:
    "What do callers, a quiet tenant and renewals near expiry get while one tenant asks for more than can be signed?",
  flags: {
    percent: { help: "of the measured capacity, offered over all", default: "25,50,75,100,150,300" },
    seconds: { help: "of each level", default: "10" },
    wait: { help: "seconds of the signer's work that may wait (limits.longestWait)", default: "2" },
    deadline: { help: "seconds in which an answer is of use (limits.answerWithin)", default: "5" },
  },
  async run(flags, signal) {
    const levels: Level[] = [];
    const rows = await runLevels(flags, levels, signal);
    return await withRefusalCosts(rows, { levels, seconds: numberOf(flags.seconds) }, signal);
  },
});

async function runLevels(
  flags: Readonly<Record<"percent" | "seconds" | "wait" | "deadline", string>>,
  levels: Level[],
  signal: AbortSignal,
): Promise<Row[]> {
  const answerWithin = `${numberOf(flags.deadline)}s`;
  const longestWait = `${numberOf(flags.wait)}s`;
  const rates = { perIdentityPerMinute: 1_000_000, perTenantPerSecond: 1_000_000 };
  const mesh = await BenchMesh.start({ server: { limits: { ...rates, answerWithin, longestWait } } });
  try {
    const seconds = numberOf(flags.seconds);
    const askers = await enrolAll(mesh, renewalsPerSecond * seconds, signal);
    const leaves = new LeafSupply(await takeCsrs(2000));
    const stage = { mesh, askers, leaves, seconds, deadlineMs: numberOf(flags.deadline) * 1000, signal };
    const capacity = await measureCapacity(stage);
    for (const percent of numbersOf(flags.percent)) {
      signal.throwIfAborted();
      levels.push(await runLevel(stage, percent, capacity));
      console.error(JSON.stringify(rowOf(stage, capacity, levels)(levels.at(-1) as Level)));
    }
    return levels.map(rowOf(stage, capacity, levels));
  } finally {
    await mesh.stop();
  }
}

/** What a refused item cost, for each row with some, at the pace of the row's refusals. */
async function withRefusalCosts(
  rows: readonly Row[],
  { levels, seconds }: { readonly levels: readonly Level[]; readonly seconds: number },
  signal: AbortSignal,
): Promise<Row[]> {
  const refusedOf = levels.map(({ tallies }) => turnedAwayIn(tallies));
  if (refusedOf.every((refused) => refused === 0)) return [...rows];
  const cost = await RefusalCost.start(signal);
  try {
    const priced: Row[] = [];
    for (const [at, row] of rows.entries()) {
      const refused = refusedOf[at] ?? 0;
      priced.push(refused === 0 ? row : { ...row, refused_cpu_us: await cost.microsAt(refused / seconds) });
    }
    return priced;
  } finally {
    await cost.stop();
  }
}

const turnedAwayIn = (tallies: Level["tallies"]): number =>
  kinds.reduce((total, kind) => total + tallies[kind].turnedAway, 0);

async function enrolAll(mesh: BenchMesh, renewals: number, signal: AbortSignal): Promise<Askers> {
  const asker = async (kind: Kind, count: number, entry: object) => {
    const agent = await mesh.enrol(kind, signal);
    const entryIds = await mesh.register(agent, { prefix: `${kind}/sa`, count, ...entry }, signal);
    return { agent, entryIds };
  };
  return {
    flood: await asker("flood", floodEntries, { tenant: "/flood" }),
    quiet: await asker("quiet", 8, { tenant: "/quiet" }),
    renewal: await asker("renewal", renewals, { tenant: "/renewal", x509TtlSeconds: renewalTtlSeconds }),
  };
}

/** Requests that were not made before: the same one again would be answered from memory. */
class LeafSupply {
  readonly #csrs: readonly Buffer[];
  #taken = 0;

  constructor(csrs: readonly Buffer[]) {
    this.#csrs = csrs;
  }

  /** Every entry with every CSR once, before any pair comes twice. */
  take(count: number, entryIds: readonly string[]): AskedLeaf[] {
    return Array.from({ length: count }, () => {
      const at = this.#taken++;
      const round = Math.floor(at / this.#csrs.length);
      const csrDer = this.#csrs[at % this.#csrs.length] ?? Buffer.alloc(0);
      return { csrDer, entryId: entryIds[(at + round) % entryIds.length] ?? "" };
    });
  }

  /** One leaf for each entry. */
  each(entryIds: readonly string[]): AskedLeaf[] {
    return entryIds.flatMap((entryId) => this.take(1, [entryId]));
  }
}

/** Closed loop: a thousand items at any time, for some seconds after some to get warm. */
async function measureCapacity({ askers, leaves, seconds }: Stage): Promise<number> {
  const { agent, entryIds } = askers.flood;
  const client = openIssueClient(agent, "stream");
  let issued = 0;
  const end = performance.now() + (3 + seconds) * 1000;
  const caller = async () => {
    while (performance.now() < end)
      for (const result of await client.issue(leaves.take(32, entryIds))) if (result?.issued) issued += 1;
  };
  const callers = Array.from({ length: 32 }, caller);
  await sleep(3000);
  const [from, before] = [performance.now(), issued];
  await sleep(seconds * 1000);
  const perSecond = ((issued - before) * 1000) / (performance.now() - from);
  await Promise.all(callers);
  client.close();
  return perSecond;
}

/** Renewals get a leaf each, and the level begins when less than a third of its life is left. */
async function runLevel(stage: Stage, percent: number, capacity: number): Promise<Level> {
  const { mesh, askers, leaves, seconds, deadlineMs, signal } = stage;
  await armRenewals(stage);
  await sleep(renewalTtlSeconds * (2 / 3) * 1000 + 500, undefined, { signal });
  const loops = Object.fromEntries(
    kinds.map((kind) => [kind, new OpenLoop(askers[kind].agent, kind === "flood" ? 8 : 1)]),
  ) as Record<Kind, OpenLoop>;
  const ms = seconds * 1000;
  const floodPerSecond = (capacity * percent) / 100 - quietPerSecond - renewalsPerSecond;
  const renewals = leaves.each(askers.renewal.entryIds);
  await Promise.all([
    atRate({ perSecond: floodPerSecond, ms }, (count) =>
      loops.flood.send(leaves.take(count, askers.flood.entryIds)),
    ),
    atRate({ perSecond: quietPerSecond, ms }, (count) =>
      loops.quiet.send(leaves.take(count, askers.quiet.entryIds)),
    ),
    atRate({ perSecond: renewalsPerSecond, ms }, (count) => loops.renewal.send(renewals.splice(0, count))),
  ]);
  const { capacityPerSecond, window } = await mesh.admin.call("GetLimits", {}, signal);
  await Promise.all(kinds.map((kind) => loops[kind].settle(deadlineMs + 2000)));
  const tallies = { flood: loops.flood.tally, quiet: loops.quiet.tally, renewal: loops.renewal.tally };
  const learnedPerSecond = Math.round(capacityPerSecond);
  return { percent, tallies, learnedPerSecond, window };
}

async function armRenewals({ askers, leaves }: Stage): Promise<void> {
  const { agent, entryIds } = askers.renewal;
  const client = openIssueClient(agent, "stream");
  const results = await client.issue(leaves.each(entryIds));
  client.close();
  const refused = results.filter(({ issued }) => !issued).length;
  if (refused > 0) throw new Error(`${refused} leaves to be renewed were not issued`);
}

const rowOf =
  ({ seconds, deadlineMs }: Stage, capacity: number, levels: readonly Level[]) =>
  (level: Level): Row => {
    const { percent, tallies, learnedPerSecond, window } = level;
    const sum = (figure: (tally: OpenLoopTally) => number) =>
      kinds.reduce((total, kind) => total + figure(tallies[kind]), 0);
    const latencies = kinds.flatMap((kind) => tallies[kind].latenciesMs);
    const best = Math.max(...levels.map((other) => goodputOf(other, seconds, deadlineMs)));
    const goodput = goodputOf(level, seconds, deadlineMs);
    return {
      percent,
      capacity_per_second: Math.round(capacity),
      learned_per_second: learnedPerSecond,
      window,
      offered_per_second: Math.round(sum(({ asked }) => asked) / seconds),
      goodput_per_second: Math.round(goodput),
      goodput_to_best: rounded(goodput / best, 2),
      p50_ms: rounded(quantile(latencies, 0.5)),
      p99_ms: rounded(quantile(latencies, 0.99)),
      deadline_ms: deadlineMs,
      shed_share: rounded(sum(({ turnedAway }) => turnedAway) / sum(({ asked }) => asked), 3),
      failed: sum(({ failed }) => failed),
      late: latencies.filter((ms) => ms > deadlineMs).length,
      refused_cpu_us: 0,
      ...partOf("quiet", tallies.quiet, deadlineMs),
      ...partOf("renewal", tallies.renewal, deadlineMs),
    };
  };

const inTime = ({ latenciesMs }: OpenLoopTally, deadlineMs: number): number =>
  latenciesMs.filter((ms) => ms <= deadlineMs).length;

const goodputOf = ({ tallies }: Level, seconds: number, deadlineMs: number): number =>
  kinds.reduce((total, kind) => total + inTime(tallies[kind], deadlineMs), 0) / seconds;

const partOf = (name: string, tally: OpenLoopTally, deadlineMs: number): Row => ({
  [`${name}_asked`]: tally.asked,
  [`${name}_in_time`]: inTime(tally, deadlineMs),
  [`${name}_p99_ms`]: rounded(quantile(tally.latenciesMs, 0.99)),
});
