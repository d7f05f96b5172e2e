import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openLedger } from "../src/backends/ledger-files/open-ledger.ts";
import type { Intent } from "../src/control/ledger/ledger-writer.ts";
import type { Der } from "../src/domain/certificate/der.ts";
import { systemClock } from "../src/foundation/clock.ts";
import { defineBench, type Row, rounded } from "./parts/bench.ts";

const { signal } = new AbortController();
const worker = new URL("../src/programs/server/ledger-worker.ts", import.meta.url);
const authorityKeyId = randomBytes(20).toString("hex");
const certificate = new Uint8Array(randomBytes(620)) as Der;

const intentNow = (): Intent => ({
  serial: `01${randomBytes(17).toString("hex")}`,
  authorityKeyId,
  tbsSha256: randomBytes(32).toString("hex"),
  spiffeId: "spiffe://mesh.example/ns/payments/sa/web",
  entryId: "3415d0f785e83a2614fb5052",
  requester: "spiffe://mesh.example/meshmint/agent/join_token/node-1",
  notAfter: new Date(Date.now() + 3_600_000),
  at: new Date(),
});

/** Rows a batch, callers, batches. */
const settings: readonly (readonly [number, number, number])[] = [
  [64, 1, 500],
  [64, 4, 1500],
  [1, 64, 20_000],
  [1, 1, 1000],
];

/** Each certificate is two rows, an intent and its outcome, each committed before its caller goes on. */
export const bench = defineBench({
  question: "How many rows per second does the ledger record durably?",
  flags: {},
  async run(_flags, stop) {
    const results: Row[] = [];
    for (const setting of settings) {
      stop.throwIfAborted();
      results.push(await measure(...setting));
    }
    return results;
  },
});

async function measure(batchRows: number, callers: number, batches: number): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-bench-"));
  const file = join(folder, "ledger.db");
  const onFailure = (fault: Error) => {
    throw fault;
  };
  const ledger = await openLedger({ file, worker, clock: systemClock, onFailure });
  let left = batches;
  const caller = async () => {
    while (left-- > 0) {
      const intents = Array.from({ length: batchRows }, intentNow);
      await ledger.writer.recordIntents(intents, signal);
      const outcomes = intents.map(({ serial }) => ({
        kind: "certificate" as const,
        serial,
        authorityKeyId,
        certificate,
      }));
      await ledger.writer.recordOutcomes(outcomes, signal);
    }
  };
  const began = performance.now();
  const cpu = process.threadCpuUsage();
  await Promise.all(Array.from({ length: callers }, caller));
  const took = (performance.now() - began) / 1000;
  const { user, system } = process.threadCpuUsage(cpu);
  await ledger.close();
  rmSync(folder, { recursive: true });
  const rows = batches * batchRows * 2;
  return {
    rows_a_batch: batchRows,
    callers,
    rows_per_second: Math.round(rows / took),
    certificates_per_second: Math.round(rows / 2 / took),
    main_thread_us_per_certificate: rounded((user + system) / (rows / 2)),
  };
}
