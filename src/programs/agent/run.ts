import type { Agent } from "../../agent/agent.ts";
import { KnownCertificates } from "../../backends/node-crypto/known-certificates.ts";
import { lockFolder } from "../../backends/state-dir/folder-lock.ts";
import { createLogger } from "../../backends/telemetry/logger.ts";
import { Metrics } from "../../backends/telemetry/metrics.ts";
import { systemClock } from "../../foundation/clock.ts";
import { serveOps } from "../../protocols/ops/ops-server.ts";
import { AgentGauges } from "./agent-gauges.ts";
import { type AgentConfig, readAgentConfig } from "./config.ts";
import { LateSources } from "./late-sources.ts";
import { serveNode } from "./serve-node.ts";
import { wireAgent } from "./wire.ts";

export type RunAgent = { readonly configFile: string };

const graceMs = 200; // streams of proxies never end by themselves; they reconnect

/**
 * `meshmint agent run`: serves until the signal aborts, then closes what it opened. Rejects with CONFIG_INVALID,
 * ATTESTATION_FAILED (no valid node SVID and no way to attest, or a token that was refused), STORE_IN_USE or STORE_FAILED.
 */
export async function runAgent(order: RunAgent, signal: AbortSignal): Promise<void> {
  const config = await readAgentConfig(order.configFile);
  const lock = lockFolder(config.stateDir);
  try {
    await serve(config, signal);
  } finally {
    lock.release();
  }
}

async function serve(config: AgentConfig, signal: AbortSignal): Promise<void> {
  const logger = createLogger("agent", config.log.level);
  const metrics = new Metrics();
  const gauges = new AgentGauges(metrics);
  const sources = new LateSources();
  const certificates = new KnownCertificates();
  let agent: Agent | undefined;
  const door = await serveNode(config, { sources, logger, metrics, certificates });
  const closing: (() => Promise<void>)[] = [() => door.listener.close(graceMs)];
  try {
    const ops = await serveOps(
      {
        metrics: () => {
          if (agent) gauges.show(agent.status());
          return metrics.text();
        },
        notReady: () => reasonsOf(agent, config),
      },
      config.ops,
    );
    closing.push(() => ops.close());
    logger.info({ socket: config.socket.path, opsPort: ops.port }, "the agent serves its node");
    const onEvent = () => door.setServing(reasonsOf(agent, config).length === 0);
    const wired = await wireAgent(config, { logger, metrics, certificates, onEvent }, signal);
    closing.push(() => wired.close());
    agent = wired.agent;
    sources.fill(agent);
    await agent.run(signal);
    door.setServing(false);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    for (const close of closing) await close();
    logger.info("the agent has stopped");
  }
}

/** Without the server it is still ready: what it holds is served. */
function reasonsOf(agent: Agent | undefined, { nodeAttestation }: AgentConfig): readonly string[] {
  if (agent === undefined) return ["the node has not joined yet"];
  const { isSynced, credentials } = agent;
  const reasons = isSynced ? [] : ["the server has not told this node's registrations yet"];
  const hasEnded = credentials.svid.notAfter < systemClock.now();
  if (!hasEnded) return reasons;
  const remedy = nodeAttestation
    ? "the agent attests again as soon as the server lets it"
    : "make a new join token and start the agent anew";
  return [...reasons, `the node's own SVID has expired: ${remedy}`];
}
