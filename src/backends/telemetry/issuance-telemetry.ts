import type { Logger } from "pino";
import type { IssuanceEvent } from "../../control/issuance/events.ts";
import { isOverload } from "../../control/issuance/refusal.ts";
import { type Stopwatch, systemStopwatch } from "../../foundation/clock.ts";
import { failureFields } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** Characters of an entry's id in a log line: ours have 24, but a caller may send a megabyte. */
const longestEntryId = 64;
const overloadLogEveryMs = 10_000;

type Of<Kind extends IssuanceEvent["kind"]> = Extract<IssuanceEvent, { kind: Kind }>;

/** What happens in issuance, as log lines and metrics. */
export class IssuanceTelemetry {
  readonly #logger: Logger;
  readonly #meters: ReturnType<typeof metersOf>;
  readonly #stopwatch: Stopwatch;
  #turnedAway = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, metrics: Metrics, stopwatch: Stopwatch = systemStopwatch) {
    this.#logger = logger;
    this.#meters = metersOf(metrics);
    this.#stopwatch = stopwatch;
  }

  saw(event: IssuanceEvent): void {
    switch (event.kind) {
      case "issued":
        this.#issued(event);
        break;
      case "answered-again":
        this.#meters.answeredAgain.inc();
        break;
      case "batch-formed":
        this.#formed(event);
        break;
      case "stage":
        this.#stage(event);
        break;
      case "batch":
        this.#batch(event);
        break;
      case "refused":
        this.#refused(event);
        break;
      case "self-check-failed":
      case "intents-left-open":
      case "intents-not-recorded":
        this.#trouble(event);
        break;
      default:
        event satisfies never;
    }
  }

  /** The ledger has every leaf, with all of this, for good; a line for each costs a twentieth of the thread that serves. */
  #issued(event: Of<"issued">): void {
    this.#meters.issued.inc({ profile: event.profile });
    this.#meters.issueSeconds.observe(event.tookMs / 1000);
    if (!this.#logger.isLevelEnabled("debug")) return;
    const { kind, ...fields } = event;
    this.#logger.debug(fields, kind);
  }

  #batch({ kind: _, ...fields }: Of<"batch">): void {
    this.#meters.batches.inc();
    this.#meters.batchItems.inc(fields.items);
    this.#logger.info(fields, "a batch was issued");
  }

  #formed({ urgencies, waitedMs }: Of<"batch-formed">): void {
    this.#meters.formedItems.observe(urgencies.length);
    urgencies.forEach((urgency, at) => {
      this.#meters.waitSeconds.observe({ class: urgency }, (waitedMs[at] ?? 0) / 1000);
    });
  }

  #stage({ stage, tookMs, failed }: Of<"stage">): void {
    this.#meters.stageSeconds.observe({ stage }, tookMs / 1000);
    if (failed) this.#meters.stageFailed.inc({ stage });
  }

  /** Under a flood a line for each would cost more than the refusal: they are counted, and the log says how many. */
  #refused({ caller, wanted, refusal }: Of<"refused">): void {
    this.#meters.refused.inc({ code: refusal.code });
    if (isOverload(refusal)) {
      this.#turnedAway += 1;
      this.#tellOverload();
      return;
    }
    const asked =
      wanted.kind === "entry" ? { ...wanted, entryId: wanted.entryId.slice(0, longestEntryId) } : wanted;
    this.#logger.warn({ caller: caller.id, wanted: asked, refusal }, "a leaf was refused");
  }

  #tellOverload(): void {
    const nowMs = this.#stopwatch.ms();
    if (nowMs - this.#toldAtMs < overloadLogEveryMs) return;
    this.#toldAtMs = nowMs;
    const fields = { turnedAway: this.#turnedAway };
    this.#turnedAway = 0;
    this.#logger.warn(
      fields,
      "requests were turned away since this was last said: meshmint limits shows whose",
    );
  }

  #trouble(event: Of<"self-check-failed" | "intents-left-open" | "intents-not-recorded">): void {
    if (event.kind === "self-check-failed") {
      this.#meters.selfCheckFailed.inc();
      const { serial, reason } = event;
      this.#logger.error({ serial, reason }, "a signature did not verify: look at the token");
    } else {
      const fields = { serials: event.serials, ...failureFields(event.cause) };
      this.#logger.error(fields, troubleText[event.kind]);
    }
  }
}

const troubleText = {
  "intents-left-open": "it is unknown whether these were signed; reconciliation closes them",
  "intents-not-recorded": "these were not signed: their intents could not be recorded",
};

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
  formedItems: metrics.sizes("issue_batch_size", "Leaves that left the queue together"),
  waitSeconds: metrics.latency("issue_queue_wait_seconds", "From the door to leaving the queue, by class", [
    "class",
  ]),
  stageSeconds: metrics.latency("issue_stage_seconds", "What each stage took for a batch", ["stage"]),
  stageFailed: metrics.counter("issue_stage_failures_total", "Batches that a stage rejected whole", [
    "stage",
  ]),
  selfCheckFailed: metrics.counter(
    "self_check_failures_total",
    "Signatures of the token that did not verify",
  ),
});
