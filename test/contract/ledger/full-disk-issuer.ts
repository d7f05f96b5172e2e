// Started by full-disk.test.ts under a limit on file sizes, which is what a full disk looks like to SQLite: records
// leaves until that fails, then tries on for a while. Prints what was answered.
import process from "node:process";
import { openLedger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { asFault } from "../../../src/foundation/fault.ts";
import { madeLeaf } from "./made-leaf.ts";

process.on("SIGXFSZ", () => undefined); // else the kernel would end us instead of letting the write fail
const [file = "", authorityKeyId = ""] = process.argv.slice(2);
const { signal } = new AbortController();
const ledger = await openLedger({
  file,
  worker: new URL("../../../src/programs/server/ledger-worker.ts", import.meta.url),
  clock: systemClock,
  onFailure: (fault) => {
    throw fault;
  },
});
for (let failures = 0; failures < 5; ) {
  const leaves = Array.from({ length: 64 }, () => madeLeaf(authorityKeyId));
  const intents = leaves.map(({ intent }) => intent);
  try {
    await ledger.writer.recordIntents(intents, signal);
    for (const { serial } of intents) process.stdout.write(`intent ${serial}\n`);
  } catch (thrown) {
    failures += 1;
    process.stdout.write(`failed ${asFault(thrown).code}\n`);
  }
}
const { intents } = await ledger.reader.counts(signal);
process.stdout.write(`counted ${intents}\n`);
process.exit(0);
