import { workerData } from "node:worker_threads";
import { tellLongCalls, type WatchOrder } from "../../backends/pkcs11/tell-long-calls.ts";

tellLongCalls(workerData as WatchOrder);
