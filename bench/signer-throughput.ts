import { SignerClient } from "../src/backends/signer-process/signer-client.ts";
import type { AuthorityKey } from "../src/custody/ca-token.ts";
import { leaf } from "../src/custody/custody.fixtures.ts";
import { makeSignerSite, type SignerSite, startSigner, workerPid } from "../test/parts/signer.ts";
import { defineBench, numberOf, type Row, rounded } from "./parts/bench.ts";
import { FloorMeter } from "./parts/floor-meter.ts";
import { treeCpuMicros } from "./parts/process-cpu.ts";

const sessions = 4;
const batchItems = 64;
const callers = 4;

export const bench = defineBench({
  question: "What does the signer's process, with grammar and journal, cost over the bare token?",
  flags: { signatures: { help: "P-256 signatures, in batches of 64 from 4 callers", default: "20000" } },
  async run({ signatures }) {
    return [await bare(), await overSocket(numberOf(signatures))];
  },
});

async function bare(): Promise<Row> {
  const meter = new FloorMeter();
  try {
    const { perSecond, cpuMicros } = await meter.ceiling(sessions);
    return rowOf("the bare token", perSecond, cpuMicros);
  } finally {
    meter.close();
  }
}

async function overSocket(signatures: number): Promise<Row> {
  const site = makeSignerSite();
  try {
    return await signBatches(site, site.addAuthority("bench"), Math.ceil(signatures / batchItems));
  } finally {
    site.remove();
  }
}

async function signBatches(site: SignerSite, key: AuthorityKey, count: number): Promise<Row> {
  const signer = startSigner(site);
  const client = new SignerClient({ socketPath: site.socket, patienceMs: 20_000 });
  const { signal } = new AbortController();
  const batches = Array.from({ length: count }, () =>
    Array.from({ length: batchItems }, () => ({ keyId: key.keyId, tbs: leaf(key, new Date()) })),
  );
  try {
    await client.sign(batches[0] ?? [], signal);
    const pid = await workerPid(signer);
    const work = async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
        const outcomes = await client.sign(batch, signal);
        if (outcomes.some((outcome) => !outcome.ok)) throw new Error("an item was refused");
      }
    };
    const from = performance.now();
    const cpuFrom = treeCpuMicros(pid);
    await Promise.all(Array.from({ length: callers }, work));
    const seconds = (performance.now() - from) / 1000;
    const signed = count * batchItems;
    return rowOf("the signer behind its socket", signed / seconds, (treeCpuMicros(pid) - cpuFrom) / signed);
  } finally {
    client.close();
    await signer.stop();
  }
}

const rowOf = (what: string, perSecond: number, cpuMicros: number): Row => ({
  what,
  per_second: Math.round(perSecond),
  cpu_us_per_signature: rounded(cpuMicros),
});
