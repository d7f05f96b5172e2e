import type { Logger } from "pino";
import type { AgentEvent, AgentObserver } from "../../agent/agent-event.ts";
import type { Metrics } from "./metrics.ts";

/** What agents see, as log lines and counters. */
export class AgentTelemetry implements AgentObserver {
  readonly #logger: Logger;
  readonly #counters: ReturnType<typeof countersOf>;
  readonly #attestation: ReturnType<typeof attestationCountersOf>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#counters = countersOf(metrics);
    this.#attestation = attestationCountersOf(metrics);
  }

  saw(event: AgentEvent): void {
    this.#count(event);
    this.#countAttestation(event);
    const { kind, ...fields } = event;
    this.#logger[levelOf[kind]](fields, sentences[kind]);
  }

  #count(event: AgentEvent): void {
    const counters = this.#counters;
    switch (event.kind) {
      case "svid-issued":
        counters.issued.inc({ why: event.why });
        counters.issueSeconds.observe(event.tookMs / 1000);
        break;
      case "svid-refused":
        counters.refused.inc({ code: knownCode(event.code) });
        break;
      case "server-away":
        counters.away.inc();
        break;
      case "workload-refused":
        counters.workloadsRefused.inc();
        break;
      case "proxy-not-inspected":
        counters.notInspected.inc();
        break;
      case "proxy-trouble":
        counters.troubles.inc({ kind: event.trouble });
        break;
      case "roster-failed":
        counters.rosterFailed.inc();
        break;
      case "checkpoint-held":
        counters.checkpointSize.set(event.size);
        break;
      case "ledger-diverged":
        counters.ledgerDiverged.inc();
        break;
      case "ledger-restored":
        counters.ledgerRestored.inc();
        break;
      case "bundle-refused":
      case "update-flawed":
        counters.flawed.inc();
        break;
      default:
        break;
    }
  }

  #countAttestation(event: AgentEvent): void {
    const { failures, lapsed, cgroups } = this.#attestation;
    if (event.kind === "cgroup-refused") cgroups.inc({ attestor: event.attestor });
    if (event.kind === "attestor-failing") failures.inc({ attestor: event.attestor });
    if (event.kind === "attestation-lapsed") lapsed.inc({ attestor: event.attestor });
  }
}

const countersOf = (metrics: Metrics) => ({
  checkpointSize: metrics.gauge(
    "agent_ledger_checkpoint_size",
    "Entries of the ledger that the agent has seen proved",
  ),
  ledgerDiverged: metrics.counter(
    "agent_ledger_diverged_total",
    "Times that the server's ledger did not continue the one that it showed before",
  ),
  ledgerRestored: metrics.counter(
    "agent_ledger_restored_total",
    "Times that a checkpoint was given up for a restored ledger, on an operator's word",
  ),
  issued: metrics.counter("agent_svids_issued_total", "Leaves that came, by why they were asked for", [
    "why",
  ]),
  issueSeconds: metrics.latency("agent_issue_seconds", "From making a key to holding its certificate"),
  refused: metrics.counter("agent_svids_refused_total", "Leaves that did not come, by code", ["code"]),
  away: metrics.counter("agent_server_away_total", "Times that the server could not be reached"),
  workloadsRefused: metrics.counter(
    "agent_workloads_refused_total",
    "Local processes that could not be identified",
  ),
  notInspected: metrics.counter(
    "agent_proxies_not_inspected_total",
    "Times that a proxy's admin interface could not be read, for another reason than before",
  ),
  troubles: metrics.counter(
    "agent_proxy_troubles_total",
    "Troubles of proxies that began, as seen from outside",
    ["kind"],
  ),
  rosterFailed: metrics.counter(
    "agent_roster_failures_total",
    "Records of holders that could not be made durable",
  ),
  flawed: metrics.counter("agent_updates_flawed_total", "Parts of the server's updates that were not taken"),
});

const attestationCountersOf = (metrics: Metrics) => ({
  failures: metrics.counter(
    "agent_attestor_failures_total",
    "Times that a workload attestor began to fail for a process, or failed for another reason than before",
    ["attestor"],
  ),
  cgroups: metrics.counter(
    "agent_cgroups_refused_total",
    "Processes whose control group was not what it pretended to be",
    ["attestor"],
  ),
  lapsed: metrics.counter(
    "agent_attestations_lapsed_total",
    "Times that what a failing attestor had said of a process was given up after attest.keepFor",
    ["attestor"],
  ),
});

/** Label values come from a fixed set. */
const knownCode = (code: string): string =>
  [
    "denied",
    "invalid",
    "retry",
    "unavailable",
    "SERVER_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "PERMISSION_DENIED",
  ].includes(code)
    ? code
    : code.startsWith("unusable")
      ? "unusable"
      : "other";

const levelOf = {
  "svid-issued": "info",
  "svid-refused": "warn",
  "svid-withdrawn": "info",
  "node-svid-held": "info",
  "node-svid-refused": "warn",
  "server-connected": "info",
  "server-away": "warn",
  "bundle-held": "info",
  "bundle-refused": "error",
  "update-flawed": "error",
  "entries-changed": "info",
  "workload-refused": "warn",
  "attestor-failing": "warn",
  "attestation-lapsed": "error",
  "attestor-recovered": "info",
  "cgroup-refused": "warn",
  "attestor-missing": "warn",
  "holder-gone": "debug",
  "proxy-not-inspected": "warn",
  "proxy-trouble": "warn",
  "proxy-recovered": "info",
  "roster-failed": "error",
  "checkpoint-held": "debug",
  "checkpoint-failed": "warn",
  "ledger-diverged": "error",
  "ledger-restored": "warn",
} as const satisfies Record<AgentEvent["kind"], "debug" | "info" | "warn" | "error">;

const sentences: Record<AgentEvent["kind"], string> = {
  "svid-issued": "a leaf came",
  "svid-refused": "a leaf did not come; tried again later",
  "svid-withdrawn": "a leaf is no longer served: its registration went",
  "node-svid-held": "the node has its SVID",
  "node-svid-refused": "the node did not get a new SVID; tried again later",
  "server-connected": "connected to the server",
  "server-away": "the server cannot be reached; what is held stays served",
  "bundle-held": "another trust bundle is held",
  "bundle-refused": "a trust bundle was refused; the one held stays",
  "update-flawed": "a part of the server's update was left out",
  "entries-changed": "registrations changed",
  "workload-refused": "a local process could not be identified",
  "attestor-failing": "a workload attestor cannot tell who a process is; asked again soon",
  "attestation-lapsed":
    "what a failing attestor had said of a process is given up: it has been kept as long as allowed",
  "cgroup-refused": "a process's control group is not what it pretends to be; nothing is believed of it",
  "attestor-recovered": "a workload attestor can tell again who a process is",
  "attestor-missing":
    "registrations name selectors that no configured attestor of this agent gives; see attest in its configuration",
  "holder-gone": "a process that held secrets has exited",
  "proxy-not-inspected": "a proxy's admin interface could not be read; tried again later",
  "proxy-trouble": "a proxy does not do as it should, as seen from outside",
  "proxy-recovered": "a proxy's trouble is over",
  "roster-failed": "the roster could not be written",
  "checkpoint-held": "the server's ledger has grown as it should",
  "checkpoint-failed": "the ledger's checkpoint could not be asked for or kept; tried again later",
  "ledger-diverged": "the server's ledger does not continue the one that it showed before",
  "ledger-restored":
    "a checkpoint was given up for a restored ledger, on an operator's word; it is kept as evidence",
};
