import { appendFile } from "node:fs/promises";
import type { LedgerTelemetry } from "../../backends/telemetry/ledger-telemetry.ts";
import type { LedgerLog } from "../../control/ledger/ledger-log.ts";
import { pause } from "../../foundation/deadline.ts";

const everyMs = 1000;

type Parts = {
  readonly log: LedgerLog;
  /** Undefined keeps none. */
  readonly file: string | undefined;
  readonly telemetry: LedgerTelemetry;
};

/** Appends each new checkpoint to a file, best on another machine's disk. A failure alerts and stops nothing. */
export async function keepCheckpoints({ log, file, telemetry }: Parts, signal: AbortSignal): Promise<void> {
  if (file === undefined) return;
  let kept = "";
  while (!signal.aborted) {
    try {
      const { note } = await log.head(signal);
      if (note !== "" && note !== kept) await appendFile(file, `${note}\n`, { mode: 0o640, flush: true });
      kept = note;
    } catch (thrown) {
      if (!signal.aborted) telemetry.notKept(thrown);
    }
    await pause(everyMs, signal);
  }
}
