import type { Logger } from "pino";
import type { IssuanceEvent, IssuanceObserver } from "../../control/issuance/events.ts";
import type { RotationEvent, RotationObserver } from "../../control/rotation/rotation-event.ts";
import type { SigningEvent, SigningObserver } from "../../control/signing/signing-event.ts";
import { IssuanceTelemetry } from "./issuance-telemetry.ts";
import { failureFields } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { SigningTelemetry } from "./signing-telemetry.ts";

type ServerEvent = IssuanceEvent | RotationEvent | SigningEvent;

/** What happens in the server's use cases, as log lines and metrics. */
export class ServerTelemetry implements IssuanceObserver, RotationObserver, SigningObserver {
  readonly #logger: Logger;
  readonly #issuance: IssuanceTelemetry;
  readonly #signing: SigningTelemetry;
  readonly #rotationSteps: ReturnType<Metrics["counter"]>;
  readonly #rotationForced: ReturnType<Metrics["counter"]>;
  readonly #draws: ReturnType<Metrics["counter"]>;
  readonly #alarms: ReturnType<Metrics["counter"]>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#issuance = new IssuanceTelemetry(logger, metrics);
    this.#signing = new SigningTelemetry(logger, metrics);
    this.#rotationSteps = metrics.counter("rotation_steps_total", "Steps that rotations took");
    this.#rotationForced = metrics.counter(
      "rotation_forced_total",
      "Steps of rotations that an operator forced past a barrier",
      ["verb"],
    );
    this.#draws = metrics.counter(
      "rotation_draws_total",
      "Intermediates that the schedule drew from the stock",
      ["because"],
    );
    this.#alarms = metrics.counter(
      "rotation_alarms_total",
      "Times that a rotation went back or stopped by itself, for what the fleet showed",
      ["remedy"],
    );
  }

  saw(event: ServerEvent): void {
    switch (event.kind) {
      case "refused":
        if ("verb" in event) this.#rotationRefused(event);
        else this.#issuance.saw(event);
        break;
      case "step":
      case "forced":
      case "authority-closed":
      case "failed":
        this.#rotation(event);
        break;
      case "alarm":
      case "drawn":
      case "stock":
        this.#byItself(event);
        break;
      case "incident":
        this.#logger.warn(fieldsOf(event), "an intermediate whose key is lost is being taken away");
        break;
      case "holder-quarantined":
        this.#logger.warn(fieldsOf(event), "a holder is in quarantine: its certificates are renewed no more");
        break;
      case "holder-released":
        this.#logger.info(fieldsOf(event), "a holder's quarantine is over");
        break;
      case "signer-state":
      case "signer-figures":
      case "hsm":
      case "signer-quarantined":
      case "signer-still-quarantined":
      case "signer-released":
      case "signer-failed-over":
        this.#signing.saw(event);
        break;
      default:
        this.#issuance.saw(event);
    }
  }

  #rotation(
    event: Extract<RotationEvent, { kind: "step" | "forced" | "authority-closed" | "failed" }>,
  ): void {
    if (event.kind === "failed") {
      this.#logger.error(failureFields(event.cause), "the rotation could not be looked at");
      return;
    }
    if (event.kind === "forced") {
      this.#rotationForced.inc({ verb: event.verb });
      this.#logger.warn(fieldsOf(event), "a rotation's step is forced past its barrier");
      return;
    }
    this.#rotationSteps.inc();
    this.#logger.info(
      fieldsOf(event),
      event.kind === "step" ? "the rotation took a step" : "an authority is closed",
    );
  }

  #byItself(event: Extract<RotationEvent, { kind: "alarm" | "drawn" | "stock" }>): void {
    if (event.kind === "stock") {
      this.#stock(event);
    } else if (event.kind === "drawn") {
      this.#draws.inc({ because: event.because });
      this.#logger.info(fieldsOf(event), "the next intermediate is drawn from the stock");
    } else {
      this.#alarms.inc({ remedy: event.remedy });
      this.#logger.error(fieldsOf(event), "the rotation goes back, or stops, by itself");
    }
  }

  #stock({ level, inStock, advice }: Extract<RotationEvent, { kind: "stock" }>): void {
    const how = ({ enough: "info", low: "warn", empty: "warn", ending: "error" } as const)[level];
    this.#logger[how]({ level, inStock }, advice || `${inStock} intermediates are in stock`);
  }

  #rotationRefused(event: Extract<RotationEvent, { kind: "refused" }>): void {
    const { verb, actor, why } = event;
    this.#logger.warn({ verb, actor, ...why }, "a rotation verb was refused");
  }
}

const fieldsOf = <E extends { readonly kind: string }>({ kind: _, ...fields }: E): Omit<E, "kind"> => fields;
