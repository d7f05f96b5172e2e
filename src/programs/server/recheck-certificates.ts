import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { PkijsLeafExaminer } from "../../backends/pkijs/leaf-examiner.ts";
import { writeAtomically } from "../../backends/state-dir/atomic-file.ts";
import { failureFields } from "../../backends/telemetry/logger.ts";
import type { Metrics } from "../../backends/telemetry/metrics.ts";
import { RecheckTelemetry } from "../../backends/telemetry/recheck-telemetry.ts";
import { CertificateRecheck } from "../../control/ledger/certificate-recheck.ts";
import type { TrustPicture } from "../../control/rotation/trust-picture.ts";
import type { TrustState } from "../../domain/trust/trust-state.ts";
import { pause } from "../../foundation/deadline.ts";
import { days, toMs } from "../../foundation/duration.ts";
import type { Storage } from "./open-storage.ts";

/** Read from the ledger together; each is looked at in a turn of its own, so that nobody waits behind more than one. */
const entriesAtOnce = 25;
/** Looks for new entries when all were looked at. */
const everyMs = 1000;
/**
 * The second look takes one twentieth of this thread, and next to nothing while there is much to issue: it costs about as much
 * as the leaf did, and can wait, as `meshmint_recheck_behind` shows.
 */
const restPerLook = { idle: 20, busy: 500 };
/** From this share of the thread's time on the server counts as busy; the look itself stays well below it. */
const busyFrom = 0.1;
/** A restart repeats what was looked at since: that costs little, and an fsync a second would not. */
const saveEveryMs = 60_000;
/** No profile's cap is above this. */
const longestTtlMs = toMs(days(7));

type Parts = {
  readonly storage: Storage;
  readonly trust: { readonly picture: Pick<TrustPicture, "state"> };
  readonly logger: Logger;
  readonly metrics: Metrics;
};

/** Looks at each stored certificate once more, in the background and for as long as the server runs, whatever it finds. */
export async function keepRechecking(
  { stateDir }: { readonly stateDir: string },
  { storage, trust, logger, metrics }: Parts,
  signal: AbortSignal,
): Promise<void> {
  const file = join(stateDir, "recheck.mark");
  const deps = {
    log: storage.ledger.log,
    examiner: new PkijsLeafExaminer(),
    observer: new RecheckTelemetry(logger, metrics),
    authority: (keyId: string) => authorityOf(trust.picture.state, keyId),
    longestTtlMs,
    rest: restBetweenLooks(),
  };
  const recheck = new CertificateRecheck(deps, await loadMark(file));
  let savedAtMs = performance.now();
  while (!signal.aborted) {
    try {
      const behind = await recheck.step(entriesAtOnce, signal);
      if (behind === 0) await pause(everyMs, signal);
      if (performance.now() - savedAtMs < saveEveryMs) continue;
      await writeAtomically(file, `${recheck.next}\n`);
      savedAtMs = performance.now();
    } catch (thrown) {
      if (!signal.aborted)
        logger.warn(failureFields(thrown), "stored certificates could not be looked at just now");
      await pause(everyMs, signal);
    }
  }
}

/** Rests in proportion to what a look took, longer while this thread has much else to do. */
function restBetweenLooks() {
  let last = performance.eventLoopUtilization();
  return (tookMs: number, signal: AbortSignal): Promise<void> => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return pause(tookMs * (utilization > busyFrom ? restPerLook.busy : restPerLook.idle), signal);
  };
}

/** The log index to go on from; 0 where there is no mark, or none that can be read. */
async function loadMark(file: string): Promise<number> {
  const text = await readFile(file, "utf8").catch(() => "0");
  return /^\d{1,15}\n$/.test(text) ? Number(text) : 0;
}

/** Those that sign no more are kept for as long as a leaf of theirs may live. */
function authorityOf({ authorities }: TrustState, keyId: string): Uint8Array | undefined {
  const { active, standby, closed } = authorities;
  const all = [active, ...standby, ...closed.map(({ authority }) => authority)];
  return all.find((each) => each.keyId === keyId)?.certificate;
}
