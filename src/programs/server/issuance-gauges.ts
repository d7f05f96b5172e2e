import type { Metrics } from "../../backends/telemetry/metrics.ts";
import type { LimitsReport } from "../../control/issuance/limits-report.ts";

/** What stands in the queue and what the limits have done, read from the pipeline at each scrape: it costs a request nothing. */
export class IssuanceGauges {
  readonly #gauges: ReturnType<typeof gaugesOf>;

  constructor(metrics: Metrics) {
    this.#gauges = gaugesOf(metrics);
  }

  show({ classes, waitingBytes, underWay, window, perSecond }: LimitsReport): void {
    const gauges = this.#gauges;
    gauges.bytes.set(waitingBytes);
    gauges.underWay.set(underWay);
    gauges.window.set(window);
    // Nothing is told that is not known: a learned capacity of 0 would be a dead token.
    gauges.capacity.reset();
    if (perSecond !== undefined) gauges.capacity.set(perSecond);
    gauges.admitted.reset();
    gauges.turnedAway.reset();
    for (const { name, waiting, admitted, limited, queueFull, shed } of classes) {
      gauges.depth.set({ class: name }, waiting);
      gauges.admitted.inc({ class: name }, admitted);
      gauges.turnedAway.inc({ class: name, code: "limited" }, limited);
      gauges.turnedAway.inc({ class: name, code: "queue-full" }, queueFull);
      gauges.turnedAway.inc({ class: name, code: "shed" }, shed);
    }
  }
}

const gaugesOf = (metrics: Metrics) => ({
  depth: metrics.gauge("issue_queue_depth", "Leaves that wait for a batch, by class", ["class"]),
  bytes: metrics.gauge("issue_queue_bytes", "Bytes of the requests that wait"),
  underWay: metrics.gauge("issue_under_way", "Leaves between the queue and their answers"),
  window: metrics.gauge("issue_window", "Leaves that may be between the queue and their answers"),
  capacity: metrics.gauge(
    "issue_capacity_per_second",
    "Leaves a second that the signer was seen to carry; absent until it was busy for long enough",
  ),
  admitted: metrics.counter("issue_admitted_total", "Leaves that limits and queue let in, by class", [
    "class",
  ]),
  turnedAway: metrics.counter(
    "issue_turned_away_total",
    "Leaves that were one too many, by class: over a limit, without room to wait, or shed for want of time",
    ["class", "code"],
  ),
});
