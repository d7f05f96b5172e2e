import type { Logger } from "pino";
import type { LedgerDiverged } from "../../control/ledger/checkpoint-desk.ts";
import type { LogHead } from "../../control/ledger/ledger-log.ts";
import { failureFields } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** The log's state as metrics, and what agents found wrong with it as alerts. */
export class LedgerTelemetry {
  readonly #logger: Logger;
  readonly #figures: ReturnType<typeof figuresOf>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#figures = figuresOf(metrics);
  }

  diverged({ agent, reason, isRecorded }: LedgerDiverged): void {
    this.#figures.divergences.inc();
    if (isRecorded) this.#logger.error({ agent, reason }, "an agent holds another ledger than this one");
  }

  show({ size, behind, at }: LogHead): void {
    this.#figures.size.set(size);
    this.#figures.behind.set(behind);
    this.#figures.at.set(at.getTime() / 1000);
  }

  /** A checkpoint could not be appended where the configuration wants it. */
  notKept(thrown: unknown): void {
    this.#figures.notKept.inc();
    this.#logger.error(
      failureFields(thrown),
      "a checkpoint could not be kept outside; tried again with the next",
    );
  }
}

const figuresOf = (metrics: Metrics) => ({
  size: metrics.gauge("ledger_checkpoint_size", "Entries in the newest checkpoint"),
  behind: metrics.gauge("ledger_entries_without_checkpoint", "Entries recorded since the newest checkpoint"),
  at: metrics.gauge("ledger_checkpoint_timestamp_seconds", "When the newest checkpoint was made, Unix time"),
  divergences: metrics.counter(
    "ledger_divergences_total",
    "Times that an agent held another ledger than this one",
  ),
  notKept: metrics.counter(
    "ledger_checkpoints_not_kept_total",
    "Checkpoints that could not be appended outside",
  ),
});
