import { pause } from "../src/foundation/deadline.ts";
import { defineBench, numberOf, type Row, rounded } from "./parts/bench.ts";
import type { BenchAgent } from "./parts/bench-agent.ts";
import { BenchMesh } from "./parts/bench-mesh.ts";
import { takeCsrs } from "./parts/csr-stock.ts";
import { type AskedLeaf, type IssueClient, openIssueClient } from "./parts/issue-client.ts";
import { type Held, heldByTree, slopeOf } from "./parts/process-memory.ts";

type Sample = { readonly signatures: number; readonly held: ReadonlyMap<string, Held> };

type Soak = { readonly mesh: BenchMesh; readonly agent: BenchAgent; readonly signal: AbortSignal };

/** Each request with each entry is an issuance of its own, so a million need no million keys. */
const entries = 64;
const batch = 64;
const mostAttempts = 1000;

export const bench = defineBench({
  question:
    "Do memory and descriptors stay level over many signatures, and is every one of them accounted for?",
  flags: {
    signatures: { help: "how many to make; 1000000 for the full run", default: "20000" },
    "in-flight": { help: "batches of 64 that wait for their answer at once", default: "4" },
    "settle-after": { help: "signatures before the slope is taken; at most half of all", default: "100000" },
    seconds: { help: "stop after so long, with what there is by then", default: "3600" },
  },
  async run(flags, signal) {
    const signatures = Math.ceil(numberOf(flags.signatures) / batch) * batch;
    const mesh = await BenchMesh.start();
    try {
      const agent = await mesh.enrol("bench", signal);
      const soak = { mesh, agent, signal };
      const from = performance.now();
      const limits = {
        inFlight: numberOf(flags["in-flight"]),
        untilMs: from + numberOf(flags.seconds) * 1000,
      };
      const { samples, failed } = await sign(soak, signatures, limits);
      const done = samples.at(-1)?.signatures ?? 0;
      const settled = Math.min(numberOf(flags["settle-after"]), done / 2);
      const perSecond = Math.round(done / ((performance.now() - from) / 1000));
      const ledger = await reconcile(soak);
      return rowsOf(samples, settled).map((row) => ({
        ...row,
        svids_per_second: perSecond,
        failed,
        ...ledger,
      }));
    } finally {
      await mesh.stop();
    }
  },
});

type Limits = { readonly inFlight: number; readonly untilMs: number };

async function sign(soak: Soak, signatures: number, { inFlight, untilMs }: Limits) {
  const next = await batches(soak, signatures);
  const client = openIssueClient(soak.agent, "stream");
  const every = Math.max(batch, Math.floor(signatures / 50));
  const samples: Sample[] = [sample(soak.mesh, 0)];
  let [done, failed] = [0, 0];
  const caller = async () => {
    for (let leaves = next(); leaves !== undefined && performance.now() < untilMs; leaves = next()) {
      soak.signal.throwIfAborted();
      const refused = await issueAll(client, leaves, soak.signal);
      failed += refused;
      done += leaves.length - refused;
      if (done - (samples.at(-1)?.signatures ?? 0) >= every) samples.push(tell(sample(soak.mesh, done)));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  client.close();
  samples.push(tell(sample(soak.mesh, done)));
  return { samples, failed };
}

/** As an agent asks: what is put off is asked for again when the server says. Gives how many were refused for good. */
async function issueAll(
  client: IssueClient,
  leaves: readonly AskedLeaf[],
  signal: AbortSignal,
): Promise<number> {
  let [asked, failed] = [leaves, 0];
  for (let attempt = 0; asked.length > 0 && attempt < mostAttempts; attempt += 1) {
    const results = await client.issue(asked);
    const putOff = results.filter((result) => result?.refused?.code === "retry");
    failed += results.filter((result) => !result?.issued).length - putOff.length;
    asked = asked.filter((_, at) => results[at]?.refused?.code === "retry");
    if (asked.length > 0)
      await pause(Math.min(...putOff.map((each) => each.refused?.retryAfterMs ?? 0)), signal);
  }
  return failed + asked.length;
}

/** Gives the next batch; each request goes with an entry that it was not sent for before. */
async function batches({ mesh, agent, signal }: Soak, signatures: number) {
  const csrs = await takeCsrs(Math.max(batch, Math.ceil(signatures / entries)));
  const entryIds = await mesh.register(agent, { prefix: "ns/soak/sa", count: entries }, signal);
  let made = 0;
  return (): AskedLeaf[] | undefined => {
    if (made >= signatures) return undefined;
    const leaves = Array.from({ length: batch }, (_, at) => {
      const number = made + at;
      const round = Math.floor(number / csrs.length);
      return {
        csrDer: csrs[number % csrs.length] ?? Buffer.alloc(0),
        entryId: entryIds[round % entries] ?? "",
      };
    });
    made += batch;
    return leaves;
  };
}

function sample({ server, signer }: BenchMesh, signatures: number): Sample {
  const held = new Map<string, Held>();
  for (const [name, { pid }] of Object.entries({ server, signer })) {
    for (const [at, each] of heldByTree(pid).entries())
      held.set(at === 0 ? name : `${name} child ${at}`, each);
  }
  return { signatures, held };
}

function tell(taken: Sample): Sample {
  const held = [...taken.held].map(
    ([name, { rssMiB, descriptors }]) => `${name} ${rssMiB.toFixed(1)} MiB, ${descriptors} fds`,
  );
  console.error(`${taken.signatures}: ${held.join("; ")}`);
  return taken;
}

/** A row for each process: from where it settled to the end. */
function rowsOf(samples: readonly Sample[], settled: number): Row[] {
  const counted = samples.filter(({ signatures }) => signatures >= settled);
  const [first, last] = [counted[0], counted.at(-1)];
  if (first === undefined || last === undefined) throw new Error("nothing was signed");
  return [...last.held.keys()].map((name) => {
    const held = counted.map((each) => [each.signatures, each.held.get(name)] as const);
    const descriptors = held.map(([, each]) => each?.descriptors ?? 0);
    const points = held.map(([signatures, each]) => [signatures, each?.rssMiB ?? 0] as const);
    return {
      process: name,
      signatures: last.signatures,
      slope_from: first.signatures,
      rss_mib_from: rounded(first.held.get(name)?.rssMiB ?? 0),
      rss_mib_to: rounded(last.held.get(name)?.rssMiB ?? 0),
      mib_per_100k: rounded(slopeOf(points) * 100_000, 2),
      fds_least: Math.min(...descriptors),
      fds_most: Math.max(...descriptors),
    };
  });
}

/** What the ledger and the signer's journal say of the run: each line has its intent, each certificate its line. */
async function reconcile({ mesh, signal }: Soak): Promise<Row> {
  const found = await mesh.admin.call("VerifyLedger", {}, signal);
  for (const difference of found.differences) console.error(difference);
  return {
    reconciled: String(found.reconciled),
    certificates: Number(found.certificates),
    journal_lines: Number(found.journalLines),
    intents_open: Number(found.intentsOpen),
  };
}
