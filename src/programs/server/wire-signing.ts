import type { Logger } from "pino";
import { SqlQuarantineStore } from "../../backends/store/quarantine-store.ts";
import { failureFields } from "../../backends/telemetry/logger.ts";
import type { Issuers } from "../../control/issuance/issuers.ts";
import { KeptQuarantines } from "../../control/signing/kept-quarantines.ts";
import type { NamedSigner } from "../../control/signing/merged-journal.ts";
import { SignerFleet } from "../../control/signing/signer-fleet.ts";
import { SigningAudit } from "../../control/signing/signing-audit.ts";
import type { SigningEvent, SigningObserver } from "../../control/signing/signing-event.ts";
import { watchFleet } from "../../control/signing/watch-fleet.ts";
import { systemClock } from "../../foundation/clock.ts";
import { refused } from "../../foundation/result.ts";
import type { Storage } from "./open-storage.ts";

export type Signing = {
  readonly fleet: SignerFleet;
  /** The authority that rotation names, while some signer can sign at all. */
  issuers(chosen: Issuers): Issuers;
  /** Watches the signers and records what happens to them until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
};

type Parts = {
  readonly signers: readonly NamedSigner[];
  readonly storage: Storage;
  readonly observer: SigningObserver;
  readonly logger: Logger;
};

/** The signers as one fleet, in quarantine those that were: watched, and every change of theirs logged, counted and put into the ledger. */
export async function wireSigning(parts: Parts, signal: AbortSignal): Promise<Signing> {
  const { signers, storage, observer, logger } = parts;
  const audit = new SigningAudit({
    ledger: storage.ledger.writer,
    clock: systemClock,
    onFailed: (thrown) => logger.error(failureFields(thrown), "an event of a signer is not recorded yet"),
  });
  const both = {
    saw(event: SigningEvent) {
      observer.saw(event);
      audit.saw(event);
    },
  };
  const store = new SqlQuarantineStore({ database: storage.database });
  const quarantines = new KeptQuarantines(
    {
      store,
      clock: systemClock,
      onFailed: (thrown) => logger.error(failureFields(thrown), "a signer's quarantine is not stored yet"),
    },
    signal,
  );
  const fleet = new SignerFleet({ signers, quarantines, observer: both });
  fleet.takeUp(await store.all(signal));
  return {
    fleet,
    issuers: (chosen) => ({
      current() {
        const reason = fleet.closedReason;
        return reason === undefined ? chosen.current() : refused(reason);
      },
      isOpen: (keyId) => chosen.isOpen(keyId),
    }),
    run: async (signal) => {
      await Promise.all([watchFleet({ fleet, observer: both }, signal), audit.run(signal)]);
    },
  };
}
