import type { Logger } from "pino";
import type { RecheckEvent, RecheckObserver } from "../../control/ledger/certificate-recheck.ts";
import type { Metrics } from "./metrics.ts";

/** A flawed certificate as a log line and a count to alert on; how far the second look is behind as a gauge. */
export class RecheckTelemetry implements RecheckObserver {
  readonly #logger: Logger;
  readonly #flawed: ReturnType<Metrics["counter"]>;
  readonly #behind: ReturnType<Metrics["gauge"]>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#flawed = metrics.counter(
      "recheck_flawed_total",
      "Stored certificates that are not what their record says",
    );
    this.#behind = metrics.gauge(
      "recheck_behind",
      "Log entries that the second look at certificates has not reached",
    );
  }

  saw(event: RecheckEvent): void {
    if (event.kind === "rechecked") {
      this.#behind.set(event.behind);
      return;
    }
    this.#flawed.inc();
    const { logIndex, flaw } = event;
    this.#logger.error(
      { logIndex, flaw },
      "a stored certificate is not what its record says: look at it at once",
    );
  }
}
