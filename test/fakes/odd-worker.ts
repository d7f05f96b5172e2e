import { serveJobs } from "../../src/backends/worker-pool/serve-jobs.ts";

let handled = 0;
const answers: Readonly<Record<string, () => string>> = {
  count: () => `${handled}`,
  crash: () => process.exit(3),
  throw: () => {
    throw new Error("as told");
  },
  hang: () => {
    for (;;);
  },
};

/** A worker that does as it is told, up to dying. */
serveJobs<string, string>({
  handle: (job) => {
    handled += 1;
    return answers[job]?.() ?? `did ${job}`;
  },
  transfer: () => [],
});
