import type { Logger } from "pino";
import type { IssuanceEvent, IssuanceObserver } from "../../control/issuance/events.ts";
import type { RotationEvent, RotationObserver } from "../../control/rotation/rotation-event.ts";
import type { SigningEvent, SigningObserver } from "../../control/signing/signing-event.ts";
import { failureFields } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { SigningTelemetry } from "./signing-telemetry.ts";

/** Characters of an entry's id in a log line: ours have 24, but a caller may send a megabyte. */
const longestEntryId = 64;

type ServerEvent = IssuanceEvent | RotationEvent | SigningEvent;

/** What happens in the server's use cases, as log lines and metrics. */
export class ServerTelemetry implements IssuanceObserver, RotationObserver, SigningObserver {
  readonly #logger: Logger;
  readonly #meters: ReturnType<typeof metersOf>;
  readonly #signing: SigningTelemetry;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#meters = metersOf(metrics);
    this.#signing = new SigningTelemetry(logger, metrics);
  }

  saw(event: ServerEvent): void {
    switch (event.kind) {
      case "issued":
      case "answered-again":
      case "batch":
        this.#issuance(event);
        break;
      case "refused":
        if ("verb" in event) this.#rotationRefused(event);
        else this.#issuanceRefused(event);
        break;
      case "self-check-failed":
      case "intents-left-open":
        this.#trouble(event);
        break;
      case "step":
      case "authority-closed":
      case "failed":
        this.#rotation(event);
        break;
      case "signer-state":
      case "signer-figures":
      case "hsm":
      case "signer-quarantined":
      case "signer-released":
      case "signer-failed-over":
        this.#signing.saw(event);
        break;
      default:
        event satisfies never;
    }
  }

  #trouble(event: Extract<IssuanceEvent, { kind: "self-check-failed" | "intents-left-open" }>): void {
    if (event.kind === "self-check-failed") {
      this.#meters.selfCheckFailed.inc();
      const { serial, reason } = event;
      this.#logger.error({ serial, reason }, "a signature did not verify: look at the token");
    } else {
      const fields = { serials: event.serials, ...failureFields(event.cause) };
      this.#logger.error(fields, "it is unknown whether these were signed; reconciliation closes them");
    }
  }

  #rotation(event: Extract<RotationEvent, { kind: "step" | "authority-closed" | "failed" }>): void {
    if (event.kind === "failed") {
      this.#logger.error(failureFields(event.cause), "the rotation could not be looked at");
      return;
    }
    const { kind, ...fields } = event;
    this.#meters.rotationSteps.inc();
    this.#logger.info(fields, kind === "step" ? "the rotation took a step" : "an authority is closed");
  }

  #issuance(event: Extract<IssuanceEvent, { kind: "issued" | "answered-again" | "batch" }>): void {
    if (event.kind === "answered-again") {
      this.#meters.answeredAgain.inc();
    } else if (event.kind === "batch") {
      this.#meters.batches.inc();
      this.#meters.batchItems.inc(event.items);
    } else {
      const { kind, ...fields } = event;
      this.#meters.issued.inc({ profile: event.profile });
      this.#meters.issueSeconds.observe(event.tookMs / 1000);
      this.#logger.info(fields, kind);
    }
  }

  #issuanceRefused(event: Extract<IssuanceEvent, { kind: "refused" }>): void {
    const { caller, wanted, refusal } = event;
    this.#meters.refused.inc({ code: refusal.code });
    const asked =
      wanted.kind === "entry" ? { ...wanted, entryId: wanted.entryId.slice(0, longestEntryId) } : wanted;
    this.#logger.warn({ caller: caller.id, wanted: asked, refusal }, "a leaf was refused");
  }

  #rotationRefused(event: Extract<RotationEvent, { kind: "refused" }>): void {
    const { verb, actor, why } = event;
    this.#logger.warn({ verb, actor, ...why }, "a rotation verb was refused");
  }
}

const metersOf = (metrics: Metrics) => ({
  issued: metrics.counter("svids_issued_total", "Leaves minted, by profile", ["profile"]),
  issueSeconds: metrics.latency("issue_seconds", "From the request to its durable answer"),
  refused: metrics.counter("svids_refused_total", "Leaves refused, by the reason's code", ["code"]),
  answeredAgain: metrics.counter(
    "svids_answered_again_total",
    "Retries that got the leaf of their first attempt",
  ),
  batches: metrics.counter("issue_batches_total", "Batches that went through the pipeline"),
  batchItems: metrics.counter("issue_batch_items_total", "Leaves in those batches"),
  selfCheckFailed: metrics.counter(
    "self_check_failures_total",
    "Signatures of the token that did not verify",
  ),
  rotationSteps: metrics.counter("rotation_steps_total", "Steps that rotations took"),
});
