import type { Logger } from "pino";
import { failureFields } from "../../backends/telemetry/logger.ts";
import type { Metrics } from "../../backends/telemetry/metrics.ts";
import type { AdminEvent, AdminObserver } from "../../protocols/admin/ports.ts";

/** Admin calls that were denied or failed, as log lines and a counter. */
export class AdminTelemetry implements AdminObserver {
  readonly #logger: Logger;
  readonly #denied: ReturnType<Metrics["counter"]>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#denied = metrics.counter("admin_denied_total", "Admin calls by callers without the role for them");
  }

  saw(event: AdminEvent): void {
    const { actor, method } = event;
    if (event.kind === "denied") {
      this.#denied.inc();
      this.#logger.warn({ actor, method }, "an admin call was denied");
    } else {
      this.#logger.error({ actor, method, ...failureFields(event.thrown) }, "an admin call failed");
    }
  }
}
