// The real server, killed at a named transition of its rotation. Started as a program of its own: `node FILE CONFIG`.
import { flushCompileCache } from "node:module";
import process from "node:process";
import {
  type KyselyPlugin,
  type PluginTransformQueryArgs,
  type QueryId,
  type RootOperationNode,
  TableNode,
} from "kysely";
import { createLogger } from "../../../src/backends/telemetry/logger.ts";
import { Metrics } from "../../../src/backends/telemetry/metrics.ts";
import type { LedgerWriter } from "../../../src/control/ledger/ledger-writer.ts";
import { readServerConfig } from "../../../src/programs/server/config.ts";
import { connectSigners } from "../../../src/programs/server/connect-signers.ts";
import { openStorage } from "../../../src/programs/server/open-storage.ts";
import { startServer } from "../../../src/programs/server/start-server.ts";
import { decorated, dieAt } from "../kill-steps/kill-switch.ts";
import { transitionName } from "./transition-name.ts";

/** The transition that the ledger was told of last. */
let transition = "";

const dyingWriter = (writer: LedgerWriter): LedgerWriter =>
  decorated(writer, {
    async recordEvent(event, signal) {
      const recorded = await writer.recordEvent(event, signal);
      if (event.kind === "rotation.step") {
        transition = transitionName(event.detail);
        dieAt(`${transition}, recorded`);
      }
      return recorded;
    },
  });

/** Dies when the store has answered that the state is replaced, before anybody is told. */
class DyingStore implements KyselyPlugin {
  readonly #saves = new WeakSet<QueryId>();

  transformQuery({ node, queryId }: PluginTransformQueryArgs): RootOperationNode {
    if (node.kind === "UpdateQueryNode" && node.table && TableNode.is(node.table)) {
      if (node.table.table.identifier.name === "trust_states") this.#saves.add(queryId);
    }
    return node;
  }

  async transformResult<R>({ queryId, result }: { queryId: QueryId; result: R }): Promise<R> {
    if (this.#saves.has(queryId)) dieAt(`${transition}, stored`);
    return result;
  }
}

const config = await readServerConfig(process.argv[2] ?? "");
const storage = await openStorage(config, (fault) => {
  throw fault;
});
const ledger = { ...storage.ledger, writer: dyingWriter(storage.ledger.writer) };
const database = storage.database.withPlugin(new DyingStore());
await startServer(
  config,
  {
    storage: { ...storage, database, ledger },
    signers: connectSigners(config),
    logger: createLogger("server", config.log.level),
    metrics: new Metrics(),
    version: "test",
  },
  new AbortController().signal,
);
// Node keeps what it compiled when a process ends, and this one is killed: its next lives would compile everything again.
flushCompileCache();
