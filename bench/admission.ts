import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { LastIssuances } from "../src/control/issuance/last-issuances.ts";
import { defaultRates } from "../src/control/issuance/limit.ts";
import type { IssuanceDeps } from "../src/control/issuance/pipeline.ts";
import { IssuancePipeline } from "../src/control/issuance/pipeline.ts";
import { defaultQueueLimits } from "../src/control/issuance/queue-limits.ts";
import { defaultProfiles } from "../src/domain/certificate/profile.ts";
import type { RegistrationEntry } from "../src/domain/identity/registration-entry.ts";
import type { SpiffeId } from "../src/domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../src/domain/identity/trust-domain.ts";
import type { Authority } from "../src/domain/trust/authority.ts";
import { systemClock, systemStopwatch } from "../src/foundation/clock.ts";
import { seconds } from "../src/foundation/duration.ts";
import { systemRandom } from "../src/foundation/random.ts";
import { defineBench, median, numberOf, type Row, rounded } from "./parts/bench.ts";

const agent = "spiffe://bench.example/meshmint/agent/join_token/node-1" as SpiffeId;
const tenants = 16;
const entryCount = 1024;

export const bench = defineBench({
  question:
    "What does an item cost from the door to a batch (admit, limit, queue), and what one that is refused?",
  flags: {
    items: { help: "of one run", default: "50000" },
    runs: { help: "the median of which is told", default: "5" },
  },
  async run(flags) {
    const rows: Row[] = [];
    for (const [what, prepare] of Object.entries(cases)) {
      const micros: number[] = [];
      for (let run = 0; run < numberOf(flags.runs); run += 1)
        micros.push(await prepare(numberOf(flags.items)));
      rows.push({ what, cpu_us_per_item: rounded(median(micros), 2) });
    }
    return rows;
  },
});

/** CPU per item in microseconds, of this process alone. */
const cases: Readonly<Record<string, (items: number) => Promise<number>>> = {
  admitted: (items) => measure(items, pipelineOf({})),
  limited: (items) =>
    measure(items, pipelineOf({ rates: { ...defaultRates, perTenant: { intervalMs: 1e9, burst: 1 } } })),
  "no-room": (items) => measure(items, pipelineOf({ queue: { ...defaultQueueLimits, maxBytes: 1 } })),
};

async function measure(items: number, pipeline: IssuancePipeline): Promise<number> {
  const { signal } = new AbortController();
  const csrs = Array.from({ length: items }, () => systemRandom.bytes(300));
  const asked = csrs.map((csr, at) => ({
    caller: { kind: "agent", id: agent } as const,
    wanted: { kind: "entry", entryId: `entry-${at % entryCount}` } as const,
    csr,
  }));
  const from = process.cpuUsage();
  for (let at = 0; at < items; at += 64) {
    await Promise.all(
      asked.slice(at, at + 64).map((request) => pipeline.issue(request, signal).catch(() => undefined)),
    );
    await turn();
  }
  const { user, system } = process.cpuUsage(from);
  return (user + system) / items;
}

/** The real front half before a back half that ends each batch at once, without a leaf. */
function pipelineOf(change: Partial<IssuanceDeps>): IssuancePipeline {
  const entries = new Map(Array.from({ length: entryCount }, (_, at) => [`entry-${at}`, entryOf(at)]));
  const authority: Authority = {
    ...{ keyId: "aa", certificate: new Uint8Array() as Authority["certificate"], anchorSha256: "" },
    ...{ crossCertificates: [], notBefore: new Date(0), notAfter: new Date(4e12) },
  };
  const absent = () => Promise.reject(new Error("not part of this bench"));
  return new IssuancePipeline({
    trustDomain: "bench.example" as TrustDomain,
    profiles: defaultProfiles,
    registrations: { entry: (id) => entries.get(id) },
    quarantines: { stops: () => false },
    issuers: { current: () => ({ ok: true, value: authority }), isOpen: () => true },
    clock: systemClock,
    stopwatch: systemStopwatch,
    random: systemRandom,
    serialPrefix: 1,
    crypto: { prepare: absent, seal: absent },
    signers: { sign: absent, distrust: () => undefined },
    ledger: { recordIntents: absent, recordOutcomes: absent, recordEvent: absent },
    observer: { saw: () => undefined },
    rates: {
      ...defaultRates,
      perIdentity: { intervalMs: 0.001, burst: 1e6 },
      perTenant: { intervalMs: 0.001, burst: 1e6 },
    },
    queue: { ...defaultQueueLimits, waitMs: 0 },
    weightOf: () => 1,
    answerWithinMs: 30_000,
    lastIssuances: new LastIssuances(),
    distrusts: () => false,
    ...change,
  } as IssuanceDeps);
}

const entryOf = (at: number): RegistrationEntry => ({
  ...{ id: `entry-${at}`, spiffeId: `spiffe://bench.example/t${at % tenants}/sa/${at}` as SpiffeId },
  ...{ parentId: agent, selectors: ["unix:uid:0"], x509Ttl: seconds(600), dnsNames: [], hint: "" },
  ...{ priority: 0, labels: {}, tenant: `/t${at % tenants}`, revision: 1, createdAt: new Date(0) },
});
