import type { Intent, IntentOutcome, LedgerEvent, LedgerWriter } from "../../control/ledger/ledger-writer.ts";
import type { Metrics } from "./metrics.ts";

/** A ledger whose calls' time until they were durable stands in a histogram. */
export function timedLedgerWriter(writer: LedgerWriter, metrics: Metrics): LedgerWriter {
  const seconds = metrics.latency("ledger_record_seconds", "Until what was recorded is durable", ["what"]);
  const time = async (what: "intents" | "outcomes" | "event", recorded: Promise<void>): Promise<void> => {
    const done = seconds.startTimer({ what });
    await recorded;
    done();
  };
  return {
    recordIntents: (intents: readonly Intent[], signal) =>
      time("intents", writer.recordIntents(intents, signal)),
    recordOutcomes: (outcomes: readonly IntentOutcome[], signal) =>
      time("outcomes", writer.recordOutcomes(outcomes, signal)),
    recordEvent: (event: LedgerEvent, signal) => time("event", writer.recordEvent(event, signal)),
  };
}
