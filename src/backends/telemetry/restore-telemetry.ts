import type { Logger } from "pino";
import type { RestoreEvent, RestoreObserver } from "../../control/restore/restore-guard.ts";
import type { BundleSequenceEvent } from "../../control/rotation/bundle-sequence.ts";

const sentences = {
  raised: "an agent has seen a later bundle: the same bundle goes out under a number above it",
  "other-anchors":
    "an agent holds a later bundle with other roots than this server's: what was rotated since the backup is lost",
  "never-made": "an agent claims a bundle that this server has not made: is this an old copy of its state?",
} as const;

/** What is found out after a restore, as log lines. */
export class RestoreTelemetry implements RestoreObserver {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  saw(event: RestoreEvent | BundleSequenceEvent): void {
    const { kind, ...fields } = event;
    if (kind !== "restored") {
      this.#logger[kind === "raised" ? "warn" : "error"](fields, sentences[kind]);
    } else if (event.lostLines + event.openIntents > 0) {
      this.#logger.error(
        fields,
        "this state was restored, and signatures were made since: rotation is frozen",
      );
    } else {
      this.#logger.warn(fields, "this state was restored; the journals have nothing that it does not know");
    }
  }
}
