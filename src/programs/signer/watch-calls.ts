import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { newCallCounter } from "../../backends/pkcs11/call-counter.ts";
import type { WatchOrder } from "../../backends/pkcs11/tell-long-calls.ts";
import { callsDescriptor } from "./worker-messages.ts";

/** Starts the thread that tells the supervisor of calls that do not end. Gives what calls are to be counted with. */
export function watchCalls(): Int32Array {
  const counter = newCallCounter();
  const workerData: WatchOrder = { counter, descriptor: callsDescriptor };
  const file = new URL(`./call-watch-worker${extname(import.meta.filename)}`, import.meta.url);
  new Worker(file, { workerData }).unref();
  return counter;
}
