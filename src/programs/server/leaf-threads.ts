import { extname } from "node:path";
import type { LeafWork, LeafWorkDone } from "../../backends/node-crypto/leaf-work.ts";
import { WorkerPool } from "../../backends/worker-pool/worker-pool.ts";

/** The threads that verify requests, build, lint and check leaves. `size`: at least 1. */
export const startLeafThreads = (
  size: number,
  onCrash: (cause: unknown) => void,
): WorkerPool<LeafWork, LeafWorkDone> =>
  new WorkerPool({
    url: new URL(`./leaf-worker${extname(import.meta.filename)}`, import.meta.url),
    name: "leaf",
    size,
    transfer: (work: LeafWork) => [work.bytes.buffer],
    hungAfterMs: 10_000,
    onCrash,
  });
