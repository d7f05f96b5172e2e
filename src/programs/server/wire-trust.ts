import { readFile } from "node:fs/promises";
import { x509SignatureCheck } from "../../backends/node-crypto/x509-signature-check.ts";
import { SqlHolderQuarantineStore } from "../../backends/store/holder-quarantine-store.ts";
import { SqlHolderStore } from "../../backends/store/holder-store.ts";
import { SqlRestoreStore } from "../../backends/store/restore-store.ts";
import { SqlRotationStore } from "../../backends/store/rotation-store.ts";
import type { Database } from "../../backends/store/schema.ts";
import { bootClock } from "../../backends/unix/boot-clock.ts";
import { RestoreGuard, type RestoreObserver } from "../../control/restore/restore-guard.ts";
import { BundleSequence, type BundleSequenceEvent } from "../../control/rotation/bundle-sequence.ts";
import { ClockWatch } from "../../control/rotation/clock-watch.ts";
import type { RotationLimits } from "../../control/rotation/cohort-watch.ts";
import { HandOut } from "../../control/rotation/hand-out.ts";
import { HolderQuarantines } from "../../control/rotation/holder-quarantines.ts";
import { HolderRoster } from "../../control/rotation/holder-roster.ts";
import type { NodeLabels } from "../../control/rotation/node-labels.ts";
import { type RotationDeps, RotationDriver } from "../../control/rotation/rotation-driver.ts";
import type { RotationObserver } from "../../control/rotation/rotation-event.ts";
import { RotationSchedule, type TokenKeys } from "../../control/rotation/rotation-schedule.ts";
import type { SignerKeys } from "../../control/rotation/signer-keys.ts";
import { TrustPicture } from "../../control/rotation/trust-picture.ts";
import { decodeCertificates } from "../../domain/certificate/pem.ts";
import { type AcceptancePolicy, defaultAcceptancePolicy } from "../../domain/trust/acceptance-policy.ts";
import { partNames } from "../../domain/trust/bundle.ts";
import { type CohortPlan, parseCohortRules } from "../../domain/trust/cohorts.ts";
import type { ScheduleTerms } from "../../domain/trust/rotation-schedule.ts";
import { systemClock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { systemRandom } from "../../foundation/random.ts";
import { longestLeafOf, type ServerConfig } from "./config.ts";
import type { Storage } from "./open-storage.ts";

export type Trust = {
  readonly picture: TrustPicture;
  readonly roster: HolderRoster;
  readonly handOut: HandOut;
  readonly quarantines: HolderQuarantines;
  readonly driver: RotationDriver;
  readonly guard: RestoreGuard;
  readonly clockWatch: ClockWatch;
  readonly sequence: BundleSequence;
  readonly schedule: RotationSchedule;
  readonly terms: ScheduleTerms;
};

type Parts = {
  readonly storage: Storage;
  readonly signers: SignerKeys & TokenKeys;
  readonly labels: NodeLabels;
  readonly observer: RotationObserver;
  readonly restores: RestoreObserver & { saw(event: BundleSequenceEvent): void };
};

/** The trust domain's state, its holders, and what moves them. */
export async function wireTrust(config: ServerConfig, parts: Parts, signal: AbortSignal): Promise<Trust> {
  const { database, ledger } = parts.storage;
  const longestLeaf = longestLeafOf(config);
  const first = async () => ({ ...(await readFirstAuthority(config)), cross: undefined });
  const store = new SqlRotationStore({ database });
  const shared = { signatures: x509SignatureCheck, longestLeaf, clock: systemClock };
  const picture = await TrustPicture.open(
    { ...shared, trustDomain: config.trustDomain, store },
    first,
    signal,
  );
  const roster = await openRoster(database, picture, signal);
  const policy = policyOf(config);
  const watched = { roster, ledger: ledger.writer, observer: parts.observer, policy, clock: systemClock };
  const held = new SqlHolderQuarantineStore({ database });
  const quarantines = await HolderQuarantines.open({ ...watched, store: held }, signal);
  const guard = await openGuard(config, parts, signal);
  const clockWatch = watchClock(config, parts.observer);
  const frozen = () => guard.frozen() ?? clockWatch.ahead();
  const driver = new RotationDriver({
    ...shared,
    picture,
    roster,
    quarantines,
    signers: parts.signers,
    ledger: bothSidesOf(ledger),
    observer: parts.observer,
    policy,
    random: systemRandom,
    labels: parts.labels,
    limits: limitsOf(config),
    defaultCohorts: cohortsOf(config),
    clockWatch,
    frozen,
  });
  const handOut = new HandOut({ picture, roster, labels: parts.labels });
  const terms = { every: undefined, ...config.rotation.schedule, longestLeaf };
  const { signers, observer } = parts;
  const schedule = new RotationSchedule({ ...shared, picture, terms, driver, signers, observer, frozen });
  const sequence = wireSequence({ ...parts, picture, guard });
  return { picture, roster, handOut, quarantines, driver, guard, clockWatch, sequence, schedule, terms };
}

function openGuard(
  config: ServerConfig,
  { storage, restores }: Parts,
  signal: AbortSignal,
): Promise<RestoreGuard> {
  const { database, ledger } = storage;
  const { maxClockSkew } = config.rotation;
  const store = new SqlRestoreStore({ database });
  const times = { clock: systemClock, longestLeaf: longestLeafOf(config), maxClockSkew };
  return RestoreGuard.open({ store, ledger, observer: restores, ...times }, signal);
}

const wireSequence = ({
  storage,
  restores,
  picture,
  guard,
}: Parts & Pick<Trust, "picture" | "guard">): BundleSequence =>
  new BundleSequence({
    picture,
    ledger: storage.ledger.writer,
    clock: systemClock,
    mayBeBehind: () => guard.mayBeBehindAgents,
    observer: restores,
  });

const bothSidesOf = ({ writer, reader }: Storage["ledger"]): RotationDeps["ledger"] => ({
  recordEvent: (event, signal) => writer.recordEvent(event, signal),
  counts: (signal) => reader.counts(signal),
  intents: (query, signal) => reader.intents(query, signal),
  leaves: (query, signal) => reader.leaves(query, signal),
});

const openRoster = (database: Database, picture: TrustPicture, signal: AbortSignal): Promise<HolderRoster> =>
  HolderRoster.open(
    {
      store: new SqlHolderStore({ database }),
      clock: systemClock,
      bundle: () => ({
        sequence: picture.bundle().sequence,
        anchors: partNames(picture.bundle()),
      }),
    },
    signal,
  );

/** What the barriers ask for, as configured. */
export const policyOf = ({ rotation }: ServerConfig): AcceptancePolicy => ({
  ...defaultAcceptancePolicy,
  maxClockSkew: rotation.maxClockSkew,
  settle: rotation.settle,
  lease: rotation.bundleLease,
});

const watchClock = ({ rotation: { maxClockSkew } }: ServerConfig, observer: RotationObserver): ClockWatch =>
  new ClockWatch({
    clock: systemClock,
    sinceBoot: bootClock,
    maxClockSkew,
    onAhead: (reason) => observer.saw({ kind: "alarm", rotation: "", remedy: "pause", reason }),
  });

/** What makes a rotation stop or turn back by itself. */
const limitsOf = ({ rotation: { failures, cohorts } }: ServerConfig): RotationLimits => ({
  share: failures.percent / 100,
  least: failures.least,
  cohortTimeout: cohorts.timeout,
});

/** The order was checked when the file was read. */
function cohortsOf({ rotation: { cohorts } }: ServerConfig): CohortPlan | undefined {
  const rules = parseCohortRules(cohorts.order);
  return rules.ok ? { rules: rules.value, soak: cohorts.soak } : undefined;
}

async function readFirstAuthority({ authority }: ServerConfig) {
  return {
    root: await readCertificateFile("authority.root", authority.root),
    intermediate: await readCertificateFile("authority.intermediate", authority.intermediate),
  };
}

async function readCertificateFile(key: string, file: string): Promise<Uint8Array> {
  const text = await readFile(file, "utf8").catch((cause: Error) => {
    throw new Fault("CONFIG_INVALID", `${key}: ${file} cannot be read: ${cause.message}`, { cause });
  });
  const certificates = decodeCertificates(text);
  const [only, second] = certificates.ok ? certificates.value : [];
  if (only !== undefined && second === undefined) return only;
  const flaw = certificates.ok ? "it holds more than one certificate" : certificates.error;
  throw new Fault("CONFIG_INVALID", `${key}: ${file}: ${flaw}; give one PEM file of one certificate`);
}
