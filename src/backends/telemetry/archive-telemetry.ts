import type { Logger } from "pino";
import type { ArchiveRun } from "../../control/ledger/ledger-archiver.ts";
import { failureFields } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** How far the ledger's archive has come. */
export class ArchiveTelemetry {
  readonly #logger: Logger;
  readonly #figures: ReturnType<typeof figuresOf>;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#figures = figuresOf(metrics);
  }

  ran({ tiles, entries, intents }: ArchiveRun, at: Date): void {
    this.#figures.entries.set(entries);
    this.#figures.lastRun.set(at.getTime() / 1000);
    if (tiles > 0)
      this.#logger.info({ tiles, entries, intents }, "old log entries were moved to the archive");
  }

  failed(thrown: unknown): void {
    this.#figures.failures.inc();
    this.#logger.error(
      failureFields(thrown),
      "old log entries could not be moved to the archive: they stay, and it is tried again",
    );
  }
}

const figuresOf = (metrics: Metrics) => ({
  entries: metrics.gauge("ledger_archived_entries", "Log entries that are in archive tiles"),
  lastRun: metrics.gauge(
    "ledger_archive_run_timestamp_seconds",
    "When whatever was due was last moved to the archive, Unix time",
  ),
  failures: metrics.counter(
    "ledger_archive_failures_total",
    "Times that old log entries could not be moved to the archive",
  ),
});
