import type { Logger } from "pino";
import type { SigningEvent, SigningObserver } from "../../control/signing/signing-event.ts";
import type { Metrics } from "./metrics.ts";

const states = ["ready", "degraded", "recovering", "down", "unreachable"] as const;

/** What happens to the signers, as log lines and metrics. Names of signers come from the configuration. */
export class SigningTelemetry implements SigningObserver {
  readonly #logger: Logger;
  readonly #meters: ReturnType<typeof metersOf>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#meters = metersOf(metrics);
  }

  saw(event: SigningEvent): void {
    const { kind, ...fields } = event;
    switch (event.kind) {
      case "signer-state": {
        const { signer, state } = event;
        for (const each of states) this.#meters.state.set({ signer, state: each }, each === state ? 1 : 0);
        const good = state === "ready" || state === "degraded";
        this.#logger[good ? "info" : "error"](fields, `a signer is ${state}`);
        return;
      }
      case "signer-quarantined":
        this.#meters.quarantines.inc({ signer: event.signer });
        this.#meters.quarantined.set({ signer: event.signer }, 1);
        this.#logger.error(
          { ...fields, alert: kind },
          "a signer is quarantined: its signature did not verify. Look at its token, then `meshmint signer release`",
        );
        return;
      case "signer-released":
        this.#meters.quarantined.set({ signer: event.signer }, 0);
        this.#logger.warn(fields, "a signer was released from its quarantine");
        return;
      case "signer-failed-over":
        this.#meters.failedOver.inc({ from: event.from, to: event.to }, event.items);
        this.#logger.warn(fields, "another signer takes over what one did not sign");
        return;
      default:
        event satisfies never;
    }
  }
}

const metersOf = (metrics: Metrics) => ({
  state: metrics.gauge("signer_state", "1 for the state that a signer is in", ["signer", "state"]),
  quarantines: metrics.counter(
    "signer_quarantines_total",
    "Quarantines after a signature that did not verify",
    ["signer"],
  ),
  quarantined: metrics.gauge("signer_quarantined", "1 while a signer is quarantined", ["signer"]),
  failedOver: metrics.counter("signer_failed_over_items_total", "Items that another signer took over", [
    "from",
    "to",
  ]),
});
