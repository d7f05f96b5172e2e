// Started as a program of its own by ledger.test.ts: records leaves, several at once, until it is killed.
import process from "node:process";
import { openLedger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { madeLeaf } from "./made-leaf.ts";

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

async function issueEndlessly(): Promise<never> {
  for (;;) {
    const { intent, issued } = madeLeaf(authorityKeyId);
    await ledger.writer.recordIntents([intent], signal);
    process.stdout.write(`intent ${intent.serial}\n`);
    await ledger.writer.recordOutcomes([issued], signal);
    process.stdout.write(`certificate ${intent.serial}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, issueEndlessly));
