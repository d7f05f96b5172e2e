import { readFile } from "node:fs/promises";
import { watchEventLoopDelay } from "../../backends/telemetry/event-loop-delay.ts";
import { LedgerHealth } from "../../backends/telemetry/ledger-health.ts";
import { createLogger, failureFields } from "../../backends/telemetry/logger.ts";
import { Metrics } from "../../backends/telemetry/metrics.ts";
import { timedLedgerWriter } from "../../backends/telemetry/timed-ledger-writer.ts";
import { WatchedLedgerWriter } from "../../control/ledger/watched-ledger-writer.ts";
import type { Fault } from "../../foundation/fault.ts";
import { readServerConfig, type ServerConfig } from "./config.ts";
import { connectSigners } from "./connect-signers.ts";
import { openStorage } from "./open-storage.ts";
import { startServer } from "./start-server.ts";

export type RunServer = { readonly configFile: string };

const graceMs = 2000;

/**
 * `meshmint server run`: serves until the signal aborts, then drains. Rejects with CONFIG_INVALID, STORE_IN_USE,
 * STORE_FAILED or LEDGER_FAILED; a signer that is away is waited for.
 */
export async function runServer(order: RunServer, signal: AbortSignal): Promise<void> {
  const config = await readServerConfig(order.configFile);
  const stop = new AbortController();
  const whole = AbortSignal.any([signal, stop.signal]);
  const logger = createLogger("server", config.log.level);
  const metrics = new Metrics();
  const health = new LedgerHealth(logger, metrics);
  let broken: Fault | undefined;
  const onFailure = (fault: Fault) => {
    broken = fault;
    logger.fatal(failureFields(fault), "nothing can be recorded any more: the server ends");
    stop.abort(fault);
  };
  const storage = await openStorage(config, onFailure, (fault) => health.derived(fault));
  const signers = connectSigners(config);
  const stopWatching = watchEventLoopDelay(metrics);
  const ledger = {
    ...storage.ledger,
    writer: new WatchedLedgerWriter(timedLedgerWriter(storage.ledger.writer, metrics), health),
  };
  const parts = { storage: { ...storage, ledger }, signers, logger, metrics, version: await version() };
  try {
    const server = await startServer(config, parts, whole);
    announce(config, server, logger);
    await new Promise<void>((resolve) => {
      if (whole.aborted) resolve();
      whole.addEventListener("abort", () => resolve(), { once: true });
    });
    await server.close(graceMs);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    stopWatching();
    for (const { signer } of signers) signer.close();
    await storage.close();
    logger.info("the server has stopped");
  }
  if (broken !== undefined) throw broken;
}

type Ports = { readonly listenPort: number; readonly opsPort: number };

function announce(config: ServerConfig, ports: Ports, logger: ReturnType<typeof createLogger>): void {
  const { trustDomain, admin } = config;
  logger.info({ trustDomain, adminSocket: admin.socket, ...ports }, "the server serves");
}

async function version(): Promise<string> {
  const text = await readFile(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
