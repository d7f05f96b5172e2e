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

/** About a millisecond each: so the second look never takes more than a few hundredths of a processor. */
const entriesAtOnce = 25;
const everyMs = 1000;
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
  };
  const recheck = new CertificateRecheck(deps, await loadMark(file));
  let savedAtMs = performance.now();
  while (!signal.aborted) {
    await pause(everyMs, signal);
    if (signal.aborted) return;
    try {
      await recheck.step(entriesAtOnce, signal);
      if (performance.now() - savedAtMs < saveEveryMs) continue;
      await writeAtomically(file, `${recheck.next}\n`);
      savedAtMs = performance.now();
    } catch (thrown) {
      if (!signal.aborted)
        logger.warn(failureFields(thrown), "stored certificates could not be looked at just now");
    }
  }
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
