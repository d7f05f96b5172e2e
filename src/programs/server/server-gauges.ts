import type { Metrics } from "../../backends/telemetry/metrics.ts";
import type { OwnCertificate } from "../../control/issuance/own-leaf.ts";
import { readCertificate } from "../../domain/certificate/certificate.ts";
import { isUnderWay } from "../../domain/trust/rotation.ts";
import type { TrustState } from "../../domain/trust/trust-state.ts";

/** What the gauges are read from, at one moment. */
export type ServerFigures = {
  readonly isReady: boolean;
  readonly agents: number;
  readonly holders: number;
  readonly queued: number;
  readonly entries: number;
  readonly trust: TrustState;
  readonly own: OwnCertificate | undefined;
};

/** Gauges that are read from the server at each scrape; above all, when each certificate that all depends on ends. */
export class ServerGauges {
  readonly #gauges: ReturnType<typeof gaugesOf>;

  constructor(metrics: Metrics) {
    this.#gauges = gaugesOf(metrics);
  }

  show(figures: ServerFigures): void {
    const { ready, agents, holders, queued, entries, bundle, rotating, notAfter } = this.#gauges;
    const { trust, own } = figures;
    ready.set(figures.isReady ? 1 : 0);
    agents.set(figures.agents);
    holders.set(figures.holders);
    queued.set(figures.queued);
    entries.set(figures.entries);
    bundle.set(trust.bundle.sequence);
    rotating.set(isUnderWay(trust.rotation) ? 1 : 0);
    // An authority that was withdrawn must not stand here for ever with its last value.
    notAfter.reset();
    notAfter.set({ what: "intermediate" }, seconds(trust.authorities.active.notAfter));
    const roots = trust.bundle.anchors.flatMap((anchor) => {
      const root = readCertificate(anchor);
      return root.ok ? [seconds(root.value.notAfter)] : [];
    });
    notAfter.set({ what: "root" }, Math.min(...roots));
    if (own) notAfter.set({ what: "server" }, seconds(own.notAfter));
  }
}

const seconds = (date: Date): number => date.getTime() / 1000;

const gaugesOf = (metrics: Metrics) => ({
  ready: metrics.gauge("server_ready", "1 while agents are served"),
  agents: metrics.gauge("server_agents_connected", "Agents with an open stream"),
  holders: metrics.gauge("server_holders", "Parties that were given trust material and still count"),
  queued: metrics.gauge("issue_queue_depth", "Leaves that wait for a batch"),
  entries: metrics.gauge("server_entries", "Registrations"),
  bundle: metrics.gauge("server_bundle_sequence", "Sequence of the trust bundle that is handed out"),
  rotating: metrics.gauge("rotation_under_way", "1 while a rotation has begun and not ended"),
  notAfter: metrics.gauge(
    "certificate_not_after_seconds",
    "When it ends, Unix time: the signing intermediate, the earliest root of the bundle, the server's own certificate",
    ["what"],
  ),
});
