import { LeafMaker } from "../../backends/node-crypto/leaf-maker.ts";
import { doLeafWork, type LeafWork, type LeafWorkDone } from "../../backends/node-crypto/leaf-work.ts";
import { serveJobs } from "../../backends/worker-pool/serve-jobs.ts";

const maker = new LeafMaker();

serveJobs<LeafWork, LeafWorkDone>({
  handle: (work) => doLeafWork(maker, work),
  transfer: (done) => [done.bytes.buffer],
});
