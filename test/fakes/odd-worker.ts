import { serveJobs } from "../../src/backends/worker-pool/serve-jobs.ts";

const answers: Readonly<Record<string, () => string>> = {
  crash: () => process.exit(3),
  throw: () => {
    throw new Error("as told");
  },
  hang: () => {
    for (;;);
  },
};

/** A worker that does as it is told, up to dying. */
serveJobs<string, string>({ handle: (job) => answers[job]?.() ?? `did ${job}`, transfer: () => [] });
