import { parentPort, workerData } from "node:worker_threads";
import { serveStatements } from "../../backends/sqlite/statement-thread.ts";

if (parentPort) serveStatements(parentPort, workerData);
