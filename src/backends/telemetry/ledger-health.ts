import type { Logger } from "pino";
import type { LedgerHealthEvent, LedgerHealthObserver } from "../../control/ledger/watched-ledger-writer.ts";
import type { Fault } from "../../foundation/fault.ts";
import { failureFields } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

/** The ledger's outages as two log lines each and a gauge. */
export class LedgerHealth implements LedgerHealthObserver {
  readonly #logger: Logger;
  readonly #failing: ReturnType<Metrics["gauge"]>;
  #sinceMs = 0;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.#failing = metrics.gauge(
      "ledger_failing",
      "1 while nothing can be recorded, so that nothing is issued",
    );
  }

  saw(event: LedgerHealthEvent): void {
    if (event.kind === "ledger-fails") {
      this.#sinceMs = performance.now();
      this.#failing.set(1);
      this.#logger.error(
        failureFields(event.cause),
        "the ledger cannot record: nothing is issued until it can",
      );
    } else {
      this.#failing.set(0);
      const forMs = Math.round(performance.now() - this.#sinceMs);
      this.#logger.warn({ forMs }, "the ledger records again: issuance goes on");
    }
  }

  /** Certificates go out all the same; checkpoints, and what is asked of the log, stay behind. */
  derived(fault: Fault | undefined): void {
    if (fault === undefined) this.#logger.warn("the ledger's tree and checkpoints are written again");
    else
      this.#logger.error(
        failureFields(fault),
        "the ledger's tree and checkpoints cannot be written: they stay behind what is recorded until they can",
      );
  }
}
