import type { Logger } from "pino";
import { latencyBoundsMs } from "../../control/signing/signer.ts";
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
      case "signer-state":
        this.#state(event);
        return;
      case "signer-figures":
        this.#figures(event);
        return;
      case "hsm": {
        const { operation, result } = event.event;
        const good = result === "ok" || operation === "state";
        this.#meters.hsmEvents.inc({ signer: event.signer, operation, ok: String(result === "ok") });
        this.#logger[good ? "debug" : "warn"](fields, "an operation of the HSM");
        return;
      }
      case "signer-quarantined":
        this.#meters.quarantines.inc({ signer: event.signer });
        this.#meters.quarantined.set({ signer: event.signer }, 1);
        this.#logger.error({ ...fields, alert: kind }, quarantineText);
        return;
      case "signer-still-quarantined":
        this.#meters.quarantined.set({ signer: event.signer }, 1);
        this.#logger.error({ ...fields, alert: "signer-quarantined" }, stillQuarantinedText);
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

  #state({ signer, state, reason }: Extract<SigningEvent, { kind: "signer-state" }>): void {
    for (const each of states) this.#meters.state.set({ signer, state: each }, each === state ? 1 : 0);
    const good = state === "ready" || state === "degraded";
    this.#logger[good ? "info" : "error"]({ signer, state, reason }, `a signer is ${state}`);
  }

  #figures({ signer, figures }: Extract<SigningEvent, { kind: "signer-figures" }>): void {
    const { sessions, busy, waiting, latencyCounts, latencySumMs } = figures;
    this.#meters.sessions.set({ signer, use: "busy" }, busy);
    this.#meters.sessions.set({ signer, use: "idle" }, Math.max(0, sessions - busy));
    this.#meters.waiting.set({ signer }, waiting);
    this.#meters.signLatency.show(signer, { counts: latencyCounts, sum: latencySumMs / 1000 });
  }
}

const stillQuarantinedText =
  "a signer is still quarantined: a restart of the server ends nothing. Look at its token, then `meshmint signer release`";
const quarantineText =
  "a signer is quarantined: its signature did not verify. Look at its token, then `meshmint signer release`";

const metersOf = (metrics: Metrics) => ({
  state: metrics.gauge("signer_state", "1 for the state that a signer is in", ["signer", "state"]),
  hsmEvents: metrics.counter("hsm_operations_total", "Operations of the HSM beside signatures", [
    "signer",
    "operation",
    "ok",
  ]),
  sessions: metrics.gauge("signer_sessions", "Sessions of the token, by use", ["signer", "use"]),
  waiting: metrics.gauge("signer_waiting_items", "Items that wait for a session inside the signer", [
    "signer",
  ]),
  signLatency: metrics.countedElsewhere(
    "signer_sign_seconds",
    "How long the token took for a signature, as the signer saw it",
    { label: "signer", bounds: latencyBoundsMs.map((ms) => ms / 1000) },
  ),
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
