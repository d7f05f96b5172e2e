// The real server with ports that kill it at a named step. Started as a program of its own: `node FILE CONFIG`.
import { flushCompileCache } from "node:module";
import process from "node:process";
import { SignerClient } from "../../../src/backends/signer-process/signer-client.ts";
import { createLogger } from "../../../src/backends/telemetry/logger.ts";
import { Metrics } from "../../../src/backends/telemetry/metrics.ts";
import type { LedgerWriter } from "../../../src/control/ledger/ledger-writer.ts";
import type { KeyLister, Signer } from "../../../src/control/signing/signer.ts";
import { readServerConfig, signersOf } from "../../../src/programs/server/config.ts";
import { openStorage, type Storage } from "../../../src/programs/server/open-storage.ts";
import { startServer } from "../../../src/programs/server/start-server.ts";
import { decorated, dieAt } from "./kill-switch.ts";

const dyingWriter = (writer: LedgerWriter): LedgerWriter =>
  decorated(writer, {
    async recordIntents(intents, signal) {
      dieAt("admitted");
      const recorded = writer.recordIntents(intents, signal);
      dieAt("intents queued");
      await recorded;
      dieAt("intents durable");
    },
    async recordOutcomes(outcomes, signal) {
      dieAt("sealed");
      const recorded = writer.recordOutcomes(outcomes, signal);
      dieAt("certificates queued");
      await recorded;
      dieAt("certificates durable");
    },
  });

const dyingSigner = (signer: Signer & KeyLister): Signer & KeyLister =>
  decorated(signer, {
    async sign(items, signal) {
      const signed = signer.sign(items, signal);
      setImmediate(() => setImmediate(() => dieAt("sent to the signer"))); // the bytes have left by then
      const outcomes = await signed;
      dieAt("signatures received");
      return outcomes;
    },
  });

const config = await readServerConfig(process.argv[2] ?? "");
const storage: Storage = await openStorage(config, (fault) => {
  throw fault;
});
const ledger = { ...storage.ledger, writer: dyingWriter(storage.ledger.writer) };
const signer = new SignerClient({ socketPath: signersOf(config)[0]?.socket ?? "", patienceMs: 10_000 });
const logger = createLogger("server", config.log.level);
await startServer(
  config,
  {
    storage: { ...storage, ledger },
    signers: [{ name: "signer", signer: dyingSigner(signer) }],
    logger,
    metrics: new Metrics(),
    version: "test",
  },
  new AbortController().signal,
);
// Node keeps what it compiled when a process ends, and this one is killed: its next lives would compile everything again.
flushCompileCache();
