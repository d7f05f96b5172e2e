import type { ArchiveTelemetry } from "../../backends/telemetry/archive-telemetry.ts";
import { LedgerArchiver } from "../../control/ledger/ledger-archiver.ts";
import { systemClock } from "../../foundation/clock.ts";
import { pause } from "../../foundation/deadline.ts";
import type { ServerConfig } from "./config.ts";
import type { Storage } from "./open-storage.ts";

/** Expiry is counted in days: nobody waits for it. */
const everyMs = 10 * 60_000;

type Parts = { readonly storage: Storage; readonly telemetry: ArchiveTelemetry };

/** Moves what expired long ago to archive tiles, at the start and every ten minutes. A failure alerts and stops nothing. */
export async function keepArchiving(
  { ledger }: ServerConfig,
  { storage, telemetry }: Parts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const { archive, close } = await storage.ledger.openArchive();
      try {
        const archiver = new LedgerArchiver({ archive, clock: systemClock, after: ledger.archiveAfter });
        telemetry.ran(await archiver.run(signal), systemClock.now());
      } finally {
        await close();
      }
    } catch (thrown) {
      if (!signal.aborted) telemetry.failed(thrown);
    }
    await pause(everyMs, signal);
  }
}
