import type { Logger } from "pino";
import { type RestoreMark, readRestoreMark, removeRestoreMark } from "../../backends/backup/restore-mark.ts";
import { failureFields } from "../../backends/telemetry/logger.ts";
import type { RestoreGuard, SignedSoFar } from "../../control/restore/restore-guard.ts";
import type { SignerFleet } from "../../control/signing/signer-fleet.ts";
import { pause, withDeadline } from "../../foundation/deadline.ts";
import { closeFormerOrphans, openIntents } from "./close-orphans.ts";
import type { ServerConfig } from "./config.ts";
import type { Storage } from "./open-storage.ts";
import type { Registry } from "./wire-enrolment.ts";

const retryMs = 2000;
const statusWithinMs = 3000;

type Parts = {
  readonly storage: Storage;
  readonly logger: Logger;
  readonly fleet: SignerFleet;
  readonly guard: RestoreGuard;
  readonly registry: Registry;
};

/**
 * What is done with the past before anything is issued: intents of earlier processes are closed, and the ledger is compared with
 * the signers' journals. Where a restore has left its mark nothing is served until that is done; else a signer that is away holds
 * up rotation alone, and the comparison is tried again until it could be made. Resolves with what is left to do.
 */
export async function settleThePast(
  config: ServerConfig,
  parts: Parts,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const mark = await readRestoreMark(config.stateDir);
  const found = mark && { ...mark, openIntents: await openIntents(parts, signal) };
  await closeFormerOrphans({ ...parts, journal: parts.fleet }, signal);
  const attempt = () => compareOnce(config, { ...parts, found }, signal);
  const isSettled = await attempt();
  const untilSettled = async () => {
    while (!signal.aborted) {
      await pause(retryMs, signal);
      if (!signal.aborted && (await attempt())) return;
    }
  };
  if (isSettled) return async () => undefined;
  if (found === undefined) return untilSettled;
  await untilSettled();
  return async () => undefined;
}

async function compareOnce(
  { stateDir }: ServerConfig,
  parts: Parts & { readonly found: (RestoreMark & { openIntents: number }) | undefined },
  signal: AbortSignal,
): Promise<boolean> {
  const { guard, fleet, registry, found, logger } = parts;
  try {
    const isRestored = await guard.compare(signedBy(fleet), found, signal);
    // A token that the backup has as unused may have been used since.
    if (isRestored) await registry.tokens.revokeUnused({ actor: "server", signal, mayGrantRoles: false });
    if (found !== undefined) await removeRestoreMark(stateDir);
    return true;
  } catch (thrown) {
    const sentence = "the ledger could not be compared with the signers' journals yet: rotation is frozen";
    if (!signal.aborted) logger.warn(failureFields(thrown), sentence);
    return false;
  }
}

const signedBy = (fleet: SignerFleet): SignedSoFar => ({
  journal: fleet,
  async lines(signal) {
    // One of several that is away must not hold up the start for as long as a client is patient.
    const all = await withDeadline(statusWithinMs, signal, (limited) =>
      Promise.all(fleet.members.map(({ signer }) => signer.status(limited))),
    );
    return all.reduce((sum, { journalLines }) => sum + Number(journalLines), 0);
  },
});
