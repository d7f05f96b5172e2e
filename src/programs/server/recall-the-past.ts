import type { Logger } from "pino";
import { failureFields } from "../../backends/telemetry/logger.ts";
import type { LastIssuances } from "../../control/issuance/last-issuances.ts";
import { recallIssuances } from "../../control/issuance/recall-issuances.ts";
import type { TrustState } from "../../domain/trust/trust-state.ts";
import { systemClock } from "../../foundation/clock.ts";
import { pause } from "../../foundation/deadline.ts";
import type { Storage } from "./open-storage.ts";
import type { Trust } from "./wire-trust.ts";

/** Agents are let in after so many milliseconds at the latest: what is not recalled by then counts as new until it is. */
const patienceMs = 1_000;

type Parts = {
  readonly storage: Storage;
  readonly trust: Pick<Trust, "picture">;
  readonly issuance: { readonly lastIssuances: LastIssuances };
  readonly logger: Logger;
};

/**
 * Begins to recall what was last issued to whom, off the path of issuance. Resolves when that is done, or after a second, when the
 * rest goes on in the background. Where it fails the log says so: classes of requests are then those of a server that is new.
 */
export async function recallThePast(
  { storage, trust, issuance, logger }: Parts,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const recalled = recallIssuances(
    {
      ledger: storage.ledger.reader,
      memory: issuance.lastIssuances,
      authorityKeyIds: () => authoritiesOf(trust.picture.state),
      clock: systemClock,
    },
    signal,
  ).then(
    (leaves) =>
      logger.info({ leaves, tookMs: Math.round(performance.now() - began) }, "recalled what was issued last"),
    (thrown: unknown) => {
      if (signal.aborted) return;
      logger.warn(
        failureFields(thrown),
        "what was issued last could not be recalled: renewals count as first issues",
      );
    },
  );
  const patience = new AbortController();
  await Promise.race([recalled, pause(patienceMs, AbortSignal.any([signal, patience.signal]))]);
  patience.abort();
}

/** Those that sign no more too: who holds a leaf of them needs another most of all. */
const authoritiesOf = ({ authorities: { active, standby, closed } }: TrustState): string[] =>
  [...closed.map(({ authority }) => authority), ...standby, active].map(({ keyId }) => keyId);
