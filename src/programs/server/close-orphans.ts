import type { Logger } from "pino";
import { failureFields } from "../../backends/telemetry/logger.ts";
import { OrphanCloser } from "../../control/ledger/orphan-closer.ts";
import type { Journal } from "../../control/ledger/verify-ledger.ts";
import { pause } from "../../foundation/deadline.ts";
import type { Storage } from "./open-storage.ts";

/** Longer than any intent can be under way: the pipeline's and the signer's deadlines are far below. */
const settledAfterMs = 120_000;
const everyMs = 30_000;
const retryMs = 500;
/** The signer may still be at the last batch of the server that ended: its journal lines come before this is over. */
const lastBatchMs = 2000;

type Parts = { readonly storage: Storage; readonly journal: Journal; readonly logger: Logger };

/**
 * Closes intents that a crash left open. Those of earlier processes are closed before this one issues anything, so that
 * no kill leaves a difference; later ones, which a killed signer leaves, once nobody can be working on them any more.
 */
export async function closeFormerOrphans(parts: Parts, signal: AbortSignal): Promise<void> {
  const closer = closerOf(parts);
  while (!signal.aborted) {
    if ((await openIntents(parts, signal)) > 0) await pause(lastBatchMs, signal);
    // Nothing of this process is under way yet: whatever is open was left by one that ended.
    if (await closeOnce({ ...parts, closer }, new Date(), signal)) return;
    await pause(retryMs, signal);
  }
}

export async function keepClosingOrphans(parts: Parts, signal: AbortSignal): Promise<void> {
  const closer = closerOf(parts); // one for all time: it remembers up to where nothing is open
  while (!signal.aborted) {
    await pause(everyMs, signal);
    if (!signal.aborted) await closeOnce({ ...parts, closer }, new Date(Date.now() - settledAfterMs), signal);
  }
}

/** How many intents have no end yet. */
export async function openIntents({ storage }: Pick<Parts, "storage">, signal: AbortSignal): Promise<number> {
  const counts = await storage.ledger.reader.counts(signal);
  const ended = counts["not-signed"] + counts["self-check-failed"] + counts["signed-not-recorded"];
  return counts.intents - counts.certificates - ended;
}

const closerOf = ({ storage, journal }: Parts): OrphanCloser =>
  new OrphanCloser({ ...storage.ledger, journal });

async function closeOnce(
  { closer, logger }: Parts & { readonly closer: OrphanCloser },
  before: Date,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const closed = await closer.close(before, signal);
    if (closed > 0) logger.warn({ closed }, "intents that a crash had left open were closed");
    return true;
  } catch (thrown) {
    if (!signal.aborted) logger.warn(failureFields(thrown), "intents left open could not be closed yet");
    return false;
  }
}
