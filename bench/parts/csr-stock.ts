import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** Every request that was not taken yet, each for a P-256 key of its own; kept for the life of the process. */
const stock: Buffer[] = [];

/** So many certificate requests that nobody else gets, made beforehand in worker threads as far as the stock is short. */
export async function takeCsrs(count: number): Promise<readonly Buffer[]> {
  const short = count - stock.length;
  if (short > 0) {
    const workers = Math.min(availableParallelism(), short);
    const share = Math.ceil(short / workers);
    const made = await Promise.all(Array.from({ length: workers }, () => makeCsrs(share)));
    for (const csrs of made) stock.push(...csrs);
  }
  return stock.splice(0, count);
}

function makeCsrs(count: number): Promise<readonly Buffer[]> {
  const worker = new Worker(new URL("./csr-worker.ts", import.meta.url), { workerData: count });
  return new Promise((resolve, reject) => {
    worker.once("message", (csrs: readonly Uint8Array[]) => {
      resolve(csrs.map((csr) => Buffer.from(csr.buffer, csr.byteOffset, csr.length)));
    });
    worker.once("error", reject);
  });
}
