import type { AgentStatus } from "../../agent/agent.ts";
import type { Metrics } from "../../backends/telemetry/metrics.ts";

/** Gauges that are read from the agent at each scrape. */
export class AgentGauges {
  readonly #gauges: ReturnType<typeof gaugesOf>;

  constructor(metrics: Metrics) {
    this.#gauges = gaugesOf(metrics);
  }

  show(status: AgentStatus): void {
    const gauges = this.#gauges;
    gauges.connected.set(status.isConnected ? 1 : 0);
    gauges.entries.set(status.entries);
    gauges.svids.set(status.svids);
    gauges.holders.set(status.holders);
    gauges.bundle.set(status.bundleSequence);
    gauges.onKept.set(status.onKept);
    gauges.nodeEnd.set(status.node.svid.notAfter.getTime() / 1000);
    gauges.earliestEnd.set((status.earliestNotAfter?.getTime() ?? 0) / 1000);
  }
}

const gaugesOf = (metrics: Metrics) => ({
  connected: metrics.gauge(
    "agent_server_connected",
    "1 while the server answers; what is held is served either way",
  ),
  entries: metrics.gauge("agent_entries", "Registrations of this node"),
  svids: metrics.gauge("agent_svids", "Leaves that are served now"),
  holders: metrics.gauge("agent_holders", "Local processes that hold trust material"),
  bundle: metrics.gauge("agent_bundle_sequence", "Sequence of the trust bundle that is held"),
  onKept: metrics.gauge(
    "agent_attestations_kept",
    "Local processes that go by what a workload attestor said before that fails now",
  ),
  nodeEnd: metrics.gauge("agent_node_svid_not_after_seconds", "When the node's own SVID ends, Unix time"),
  earliestEnd: metrics.gauge(
    "agent_earliest_svid_not_after_seconds",
    "When the first served leaf ends; 0 without any",
  ),
});
