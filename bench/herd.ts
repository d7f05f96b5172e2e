import { X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemAlarm } from "../src/agent/alarm.ts";
import { SvidKeeper } from "../src/agent/svids/svid-keeper.ts";
import { LocalLeafKeys } from "../src/backends/node-crypto/local-leaf-keys.ts";
import { softHsmPaths } from "../src/backends/pkcs11/module.ts";
import { IssueStream } from "../src/backends/server-client/issue-stream.ts";
import type { Der } from "../src/domain/certificate/der.ts";
import type { RegistrationEntry } from "../src/domain/identity/registration-entry.ts";
import type { SpiffeId } from "../src/domain/identity/spiffe-id.ts";
import { systemClock } from "../src/foundation/clock.ts";
import { seconds } from "../src/foundation/duration.ts";
import { systemRandom } from "../src/foundation/random.ts";
import { Pkcs11Faults } from "../test/parts/pkcs11-faults/pkcs11-faults.ts";
import { defineBench, numberOf, quantile, type Row, rounded } from "./parts/bench.ts";
import type { BenchAgent } from "./parts/bench-agent.ts";
import { BenchMesh } from "./parts/bench-mesh.ts";
import { takeCsrs } from "./parts/csr-stock.ts";
import { openIssueClient } from "./parts/issue-client.ts";

/** A node, the entries of its workloads, and when the leaf of each ends. */
type Node = {
  readonly agent: BenchAgent;
  readonly entries: readonly RegistrationEntry[];
  readonly endsAtMs: Map<string, number>;
};

type Wave = { readonly tookMs: readonly number[]; readonly turnedAway: number; readonly pastExpiry: number };

const sessions = 8;
/** So that what is left when the herd comes is less than a third of it. */
const ttlOverLeft = 3.1;

export const bench = defineBench({
  question:
    "How long until thousands of SVIDs that end soon are renewed by a slow token, and does any of them end before?",
  flags: {
    svids: { help: "that are to be renewed at once", default: "10000" },
    agents: { help: "nodes that they are on", default: "10" },
    left: { help: "seconds of life that each has left when its agent asks", default: "60" },
    latency: { help: "milliseconds that the token takes for each signature, with 8 sessions", default: "20" },
  },
  async run(flags, signal) {
    const folder = mkdtempSync(join(tmpdir(), "meshmint-herd-"));
    try {
      return await runHerd(folder, flags, signal);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

type Flags = Readonly<Record<"svids" | "agents" | "left" | "latency", string>>;

async function runHerd(folder: string, flags: Flags, signal: AbortSignal): Promise<Row[]> {
  const real = softHsmPaths.find((path) => existsSync(path));
  if (real === undefined) throw new Error("needs SoftHSM2: install the package softhsm2");
  const token = new Pkcs11Faults({ folder, real });
  let mesh: BenchMesh | undefined;
  try {
    mesh = await BenchMesh.start({
      module: token.module,
      signer: { sessions },
      server: { limits: { perIdentityPerMinute: 1_000_000, perTenantPerSecond: 1_000_000 } },
    });
    const leftMs = numberOf(flags.left) * 1000;
    const nodes = await raiseNodes(mesh, flags, signal);
    const issuedAtMs = await firstLeaves(nodes);
    await sleep(Math.max(issuedAtMs + leftMs * (ttlOverLeft - 1) - Date.now(), 0), undefined, { signal });
    token.latency(numberOf(flags.latency));
    const { anchorsDer } = await mesh.admin.call("GetBundle", {}, signal);
    const wave = await renewAll(nodes, anchorsDer as readonly Uint8Array[] as readonly Der[], signal);
    return [rowOf(nodes, { ...wave, latencyMs: numberOf(flags.latency), leftMs })];
  } finally {
    await mesh?.stop();
    token.close();
  }
}

async function raiseNodes(mesh: BenchMesh, flags: Flags, signal: AbortSignal): Promise<Node[]> {
  const count = Math.ceil(numberOf(flags.svids) / numberOf(flags.agents));
  const x509TtlSeconds = Math.round(numberOf(flags.left) * ttlOverLeft);
  const nodes: Node[] = [];
  for (let at = 0; at < numberOf(flags.agents); at += 1) {
    const agent = await mesh.enrol(`herd-${at}`, signal);
    const prefix = `herd-${at}/sa`;
    const ids = await mesh.register(agent, { prefix, count, x509TtlSeconds }, signal);
    const entries = ids.map((id, index) =>
      entryOf(agent, id, `spiffe://${mesh.trustDomain}/${prefix}/${index}`),
    );
    nodes.push({ agent, entries, endsAtMs: new Map() });
  }
  return nodes;
}

const entryOf = (agent: BenchAgent, id: string, spiffeId: string): RegistrationEntry => ({
  ...{ id, spiffeId: spiffeId as SpiffeId, parentId: agent.spiffeId, selectors: ["unix:uid:0"] },
  ...{ x509Ttl: seconds(0), dnsNames: [], hint: "", priority: 0, labels: {}, tenant: "", revision: 1 },
  createdAt: new Date(0),
});

/** Every entry's first leaf, as quickly as the token can. When the last one came, in milliseconds since 1970. */
async function firstLeaves(nodes: readonly Node[]): Promise<number> {
  for (const { agent, entries, endsAtMs } of nodes) {
    const client = openIssueClient(agent, "stream");
    const csrs = await takeCsrs(entries.length);
    for (let from = 0; from < entries.length; from += 200) {
      const part = entries.slice(from, from + 200);
      const leaves = part.map(({ id }, at) => ({ entryId: id, csrDer: csrs[from + at] ?? Buffer.alloc(0) }));
      const results = await client.issue(leaves);
      part.forEach(({ id }, at) => {
        const leaf = results[at]?.issued?.chainDer[0];
        if (leaf === undefined) throw new Error(`the first leaf of ${id} was not issued`);
        endsAtMs.set(id, new X509Certificate(leaf).validToDate.getTime());
      });
    }
    client.close();
  }
  return Date.now();
}

/** Real agents' own renewal, each on a node that has just been started anew and so holds nothing: all ask at once. */
async function renewAll(nodes: readonly Node[], anchors: readonly Der[], signal: AbortSignal): Promise<Wave> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const tookMs: number[] = [];
  let [turnedAway, pastExpiry] = [0, 0];
  const all = nodes.reduce((sum, { entries }) => sum + entries.length, 0);
  const from = performance.now();
  const keepers = nodes.map(({ agent, entries, endsAtMs }) => {
    const ends = new Map(entries.map(({ id, spiffeId }) => [spiffeId as string, endsAtMs.get(id) ?? 0]));
    const stream = new IssueStream(agent.node.Issue());
    const keeper = new SvidKeeper({
      issuer: { issue: (item) => stream.issue(item) },
      keys: new LocalLeafKeys(),
      clock: systemClock,
      random: systemRandom,
      alarm: systemAlarm,
      anchors: () => anchors,
      observer: {
        saw(event) {
          if (event.kind === "svid-refused") turnedAway += 1;
          if (event.kind !== "svid-issued" || event.why !== "first") return;
          tookMs.push(performance.now() - from);
          if (Date.now() > (ends.get(event.spiffeId) ?? 0)) pastExpiry += 1;
          if (tookMs.length === all) resolve();
        },
      },
    });
    keeper.setEntries(entries, [], true);
    return keeper;
  });
  const stop = () => resolve();
  signal.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(stop, longestWaveMs);
  await done;
  clearTimeout(timer);
  for (const keeper of keepers) keeper.stop();
  return { tookMs, turnedAway, pastExpiry };
}

const longestWaveMs = 300_000;

function rowOf(
  nodes: readonly Node[],
  { tookMs, turnedAway, pastExpiry, latencyMs, leftMs }: Wave & { latencyMs: number; leftMs: number },
): Row {
  const svids = nodes.reduce((sum, { entries }) => sum + entries.length, 0);
  const ideal = (svids * latencyMs) / sessions / 1000;
  return {
    svids,
    token_per_second: Math.round((sessions * 1000) / latencyMs),
    left_seconds: leftMs / 1000,
    renewed: tookMs.length,
    past_expiry: pastExpiry + (svids - tookMs.length),
    all_renewed_seconds: rounded(Math.max(...tookMs) / 1000),
    ideal_seconds: rounded(ideal),
    p50_seconds: rounded(quantile(tookMs, 0.5) / 1000),
    p99_seconds: rounded(quantile(tookMs, 0.99) / 1000),
    turned_away: turnedAway,
  };
}
