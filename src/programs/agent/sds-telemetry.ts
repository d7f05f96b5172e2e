import type { Logger } from "pino";
import type { Metrics } from "../../backends/telemetry/metrics.ts";
import type { SdsEvent, SdsObserver } from "../../protocols/sds/sds-observer.ts";

/** What SDS sees, as log lines and metrics. */
export class SdsTelemetry implements SdsObserver {
  readonly #logger: Logger;
  readonly #metrics: ReturnType<typeof metricsOf>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#metrics = metricsOf(metrics);
  }

  saw(event: SdsEvent): void {
    const { kind, ...fields } = event;
    switch (event.kind) {
      case "stream-opened":
        this.#metrics.streams.inc({ protocol: event.protocol });
        break;
      case "stream-closed":
        this.#metrics.streams.dec({ protocol: event.protocol });
        break;
      case "delivered":
        this.#metrics.answers.inc({ kind });
        this.#logger.debug(fields, "a secret was sent");
        break;
      case "acknowledged":
        this.#metrics.answers.inc({ kind });
        this.#logger.debug(fields, "a secret was acknowledged");
        break;
      case "refused":
        this.#metrics.answers.inc({ kind });
        this.#logger.warn(fields, "a proxy refused a secret; its words may mean the companion secret");
        break;
      case "unauthorised":
        this.#metrics.answers.inc({ kind });
        this.#logger.warn(fields, "a process asks for a secret that no entry gives it");
        break;
      case "stale-request":
        this.#metrics.answers.inc({ kind });
        break;
      case "withheld":
        this.#metrics.answers.inc({ kind });
        this.#logger.error(fields, "a secret that Envoy would refuse was held back");
        break;
      default:
        event satisfies never;
    }
  }
}

const metricsOf = (metrics: Metrics) => ({
  streams: metrics.gauge("sds_streams", "SDS streams that are open", ["protocol"]),
  answers: metrics.counter("sds_events_total", "Secrets sent, and what proxies said to them", ["kind"]),
});
