// A store thread that opens and dies at its first statement.
import { parentPort } from "node:worker_threads";

parentPort?.postMessage([{ id: 0, reply: { rows: [], changes: 0 } }]);
parentPort?.on("message", () => {
  throw new Error("the disk is gone");
});
