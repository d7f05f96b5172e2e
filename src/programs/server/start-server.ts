import type { Logger } from "pino";
import { ArchiveTelemetry } from "../../backends/telemetry/archive-telemetry.ts";
import { IssuerTelemetry } from "../../backends/telemetry/issuer-telemetry.ts";
import { LedgerTelemetry } from "../../backends/telemetry/ledger-telemetry.ts";
import { failureFields } from "../../backends/telemetry/logger.ts";
import type { Metrics } from "../../backends/telemetry/metrics.ts";
import { RestoreTelemetry } from "../../backends/telemetry/restore-telemetry.ts";
import { ServerTelemetry } from "../../backends/telemetry/server-observer.ts";
import { expireEntries } from "../../control/enrolment/expire-entries.ts";
import type { Registrations } from "../../control/enrolment/registrations.ts";
import { NodeDoor } from "../../control/issuance/node-door.ts";
import { CheckpointDesk } from "../../control/ledger/checkpoint-desk.ts";
import type { NodeLabels } from "../../control/rotation/node-labels.ts";
import type { NamedSigner } from "../../control/signing/merged-journal.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { isLost } from "../../domain/trust/incident.ts";
import { systemClock } from "../../foundation/clock.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import type { AdminGate } from "../../protocols/admin/admin-caller.ts";
import { adminService } from "../../protocols/admin/admin-service.ts";
import type { NodeObserver } from "../../protocols/node/failure.ts";
import { serveOps } from "../../protocols/ops/ops-server.ts";
import { adminPorts } from "./admin-ports.ts";
import { AdminTelemetry } from "./admin-telemetry.ts";
import { checkTerms } from "./check-terms.ts";
import { keepClosingOrphans } from "./close-orphans.ts";
import type { ServerConfig } from "./config.ts";
import { IssuanceGauges } from "./issuance-gauges.ts";
import { keepArchiving } from "./keep-archiving.ts";
import { keepCheckpoints } from "./keep-checkpoints.ts";
import { holdingMinter, nodePorts } from "./node-ports.ts";
import type { Storage } from "./open-storage.ts";
import { keepOwnTls, type OwnTls } from "./own-certificate.ts";
import { Presence } from "./presence.ts";
import { recallThePast } from "./recall-the-past.ts";
import { keepRechecking } from "./recheck-certificates.ts";
import { serveAdmins, serveAgents } from "./serve.ts";
import { type ServerFigures, ServerGauges } from "./server-gauges.ts";
import { settleThePast } from "./settle-the-past.ts";
import { wireRegistry } from "./wire-enrolment.ts";
import { wireIssuance } from "./wire-issuance.ts";
import { wireSigning } from "./wire-signing.ts";
import { wireTrust } from "./wire-trust.ts";

export type ServerParts = {
  readonly storage: Storage;
  readonly signers: readonly NamedSigner[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
};

export type RunningServer = {
  readonly listenPort: number;
  readonly opsPort: number;
  close(graceMs: number): Promise<void>;
};

type UseCases = Awaited<ReturnType<typeof wireUseCases>>;
type Closer = () => Promise<void>;

/**
 * All `new` of the server: state first, then issuance, then the doors. Ops and the admin socket answer at once and say
 * what is missing; the agents' door opens with the server's own certificate, for which the signer must have been there.
 * What was opened is closed again when it does not come to that.
 */
export async function startServer(
  config: ServerConfig,
  parts: ServerParts,
  signal: AbortSignal,
): Promise<RunningServer> {
  const useCases = await wireUseCases(config, parts, signal);
  const closing: Closer[] = [
    () => withDeadline(drainMs, new AbortController().signal, (limited) => useCases.issuance.close(limited)),
  ];
  const closeAll = async () => {
    for (const close of closing.splice(0)) await close();
  };
  try {
    const ports = await openDoors(config, { ...parts, ...useCases, closing }, signal);
    return { ...ports, close: closeAll };
  } catch (thrown) {
    await closeAll();
    throw thrown;
  }
}

/** `closing` gets what to close, last opened first. */
async function openDoors(
  config: ServerConfig,
  parts: ServerParts & UseCases & { readonly closing: Closer[] },
  signal: AbortSignal,
): Promise<{ listenPort: number; opsPort: number }> {
  const { logger, metrics, trust, signing, closing } = parts;
  const serving: { own?: OwnTls } = {};
  const presence = new Presence();
  const waiting = new Set(["the server has no certificate of its own yet: is the signer up?"]);
  const notReady = () => [...waiting];
  const admin = adminService({
    ports: adminPorts(config, { ...parts, fleet: signing.fleet, presence, notReady }),
    gate: gateOf(config, parts),
    observer: new AdminTelemetry(logger, metrics),
  });
  const ledgerTelemetry = new LedgerTelemetry(logger, metrics);
  const shown = () => ({ presence, isReady: waiting.size === 0, own: serving.own });
  const scrape = scraper({ ...parts, ledgerTelemetry }, shown, signal);
  const ops = await serveOps({ metrics: scrape, notReady }, config.ops);
  closing.unshift(() => ops.close());
  const admins = await serveAdmins(config, admin, logger);
  closing.unshift(() => admins.close(adminGraceMs));
  const { checkpointFile: file } = config.ledger;
  const { log } = parts.storage.ledger;
  background(keepCheckpoints({ log, file, telemetry: ledgerTelemetry }, signal), logger);
  const areTermsSafe = await checkTerms(config, { ...parts, clock: systemClock }, signal);
  background(trust.driver.run(signal), logger);
  background(signing.run(signal), logger);
  await goOn(config, parts, signal);
  const agents = await openAgentDoor(config, { ...parts, ledgerTelemetry, presence, admin, serving }, signal);
  closing.unshift(() => agents.close(streamGraceMs));
  closing.unshift(async () => agents.setServing(false));
  // The server's own certificate is there: so is a signer.
  if (!areTermsSafe) await checkTerms(config, { ...parts, clock: systemClock }, signal);
  waiting.clear();
  agents.setServing(true);
  return { listenPort: agents.port, opsPort: ops.port };
}

/** Takes up what earlier lives of the server have left, and what goes on until the signal aborts. */
async function goOn(config: ServerConfig, parts: ServerParts & UseCases, signal: AbortSignal): Promise<void> {
  const { logger, metrics, trust, signing } = parts;
  const closable = { ...parts, journal: signing.fleet };
  const past = { ...parts, fleet: signing.fleet, guard: trust.guard };
  background((await settleThePast(config, past, signal))(), logger);
  background(trust.schedule.run(signal), logger);
  const onFailure = (thrown: unknown) =>
    logger.warn({ err: thrown }, "entries that are over are still there");
  const isAhead = () => trust.clockWatch.ahead() !== undefined;
  background(expireEntries({ ...parts.registry, isAhead, clock: systemClock, onFailure }, signal), logger);
  background(keepClosingOrphans(closable, signal), logger);
  background(keepRechecking(config, parts, signal), logger);
  const telemetry = new ArchiveTelemetry(logger, metrics);
  background(keepArchiving(config, { ...parts, telemetry }, signal), logger);
  await recallThePast(parts, signal);
}

/** What /metrics answers. What hangs must not take the metrics with it. */
function scraper(
  parts: ServerParts & UseCases & { readonly ledgerTelemetry: LedgerTelemetry },
  shown: () => Omit<Observed, keyof UseCases>,
  signal: AbortSignal,
): () => Promise<string> {
  const { storage, metrics, issuance, ledgerTelemetry } = parts;
  const { reader, log } = storage.ledger;
  const gauges = new ServerGauges(metrics);
  const issuanceGauges = new IssuanceGauges(metrics);
  const within = <T>(asked: (limited: AbortSignal) => Promise<T>) =>
    withDeadline(scrapeMs, signal, asked).catch(() => undefined);
  return async () => {
    const ledger = await within((limited) => reader.counts(limited));
    const head = await within((limited) => log.head(limited));
    gauges.show({ ...figuresOf({ ...parts, ...shown() }), ledger });
    if (head) ledgerTelemetry.show(head);
    issuanceGauges.show(issuance.pipeline.report());
    return await metrics.text();
  };
}

type AgentDoorParts = ServerParts &
  UseCases & {
    readonly presence: Presence;
    readonly ledgerTelemetry: LedgerTelemetry;
    readonly admin: ReturnType<typeof adminService>;
    readonly serving: { own?: OwnTls };
  };

async function openAgentDoor(config: ServerConfig, parts: AgentDoorParts, signal: AbortSignal) {
  const { storage, logger, ledgerTelemetry, trust, registry, issuance, presence, admin, serving } = parts;
  const { picture, roster } = trust;
  const serverId = `spiffe://${config.trustDomain}/meshmint/server` as SpiffeId;
  const door = new NodeDoor(issuance.pipeline, serverId);
  const enrolment = registry.enrolment(holdingMinter(door, roster));
  const own = keepOwnTls({ serverId, pipeline: issuance.pipeline, trust, logger }, signal);
  serving.own = own;
  const observer = nodeFailures(logger);
  const { log, writer } = storage.ledger;
  const onDiverged: LedgerTelemetry["diverged"] = (seen) => ledgerTelemetry.diverged(seen);
  const witnesses = new CheckpointDesk({ log, ledger: writer, clock: systemClock, onDiverged });
  return await serveAgents(config.listen, await own.ready, {
    attestation: { attestation: enrolment, bundle: () => picture.bundle(), observer },
    node: nodePorts(config, {
      ...{ ...registry, ...trust, enrolment, door, presence, witnesses, observer },
      perSecond: () => issuance.pipeline.report().perSecond,
    }),
    admin,
  });
}

type Observed = UseCases & {
  readonly presence: Presence;
  readonly isReady: boolean;
  readonly own: OwnTls | undefined;
};

const figuresOf = ({ trust, registry, presence, isReady, own }: Observed): Omit<ServerFigures, "ledger"> => ({
  isReady,
  agents: presence.count,
  holders: trust.roster.holders().length,
  quarantined: trust.quarantines.count,
  entries: registry.registrations.count,
  trust: trust.picture.state,
  stock: trust.schedule.standing(),
  dueAt: trust.schedule.plan().dueAt,
  own: own?.current(),
  now: systemClock.now(),
});

const nodeFailures = (logger: Logger): NodeObserver => ({
  failed: (method, thrown) => logger.error({ method, ...failureFields(thrown) }, "a node's call failed"),
});

const scrapeMs = 1000;
const drainMs = 5000;
const adminGraceMs = 200;
const streamGraceMs = 500; // agents' streams never end by themselves; they reconnect

async function wireUseCases(config: ServerConfig, parts: ServerParts, signal: AbortSignal) {
  const { storage, logger, metrics } = parts;
  const observer = new ServerTelemetry(logger, metrics);
  const signing = await wireSigning({ ...parts, observer }, signal);
  const { fleet } = signing;
  const restores = new RestoreTelemetry(logger);
  const known: { registrations?: Registrations } = {};
  const labels = labelsIn(() => known.registrations);
  const trust = await wireTrust(config, { storage, signers: fleet, labels, observer, restores }, signal);
  const anchorSha256 = () => trust.picture.state.authorities.active.anchorSha256;
  const authorities = () => {
    const { active, standby } = trust.picture.state.authorities;
    return [active, ...standby];
  };
  const issuers = new IssuerTelemetry(logger, metrics);
  const onLag = (thrown: unknown) =>
    logger.warn(failureFields(thrown), "registrations in memory may be behind the store");
  const registry = await wireRegistry(config, { storage, anchorSha256, authorities, onLag, issuers }, signal);
  known.registrations = registry.registrations;
  const issuance = wireIssuance(config, {
    issuers: signing.issuers(trust.picture),
    registrations: registry.registrations,
    quarantines: trust.quarantines,
    signers: fleet,
    ledger: storage.ledger.writer,
    observer,
    isLost: (keyId) => isLost(trust.picture.state, keyId),
    onWorkerCrash: (cause) => logger.error(failureFields(cause), "a leaf worker crashed and is replaced"),
  });
  return { trust, registry, issuance, signing };
}

/** Nothing asks before the registrations are there: rotation goes on when the use cases are wired. */
const labelsIn = (registrations: () => Registrations | undefined): NodeLabels => ({
  has: (agent, label, value) =>
    registrations()
      ?.entriesOf(agent as SpiffeId)
      .some(({ labels }) => labels[label] === value) ?? false,
  exists: (label, value) => {
    for (const { labels } of registrations()?.all() ?? []) if (labels[label] === value) return true;
    return false;
  },
});

const gateOf = ({ admin }: ServerConfig, { storage, registry }: ServerParts & UseCases): AdminGate => ({
  localUids: new Set([0, process.getuid?.() ?? 0, ...admin.allowedUids]),
  roles: new Map([
    ...admin.viewers.map((id) => [id, "viewer"] as const),
    ...admin.operators.map((id) => [id, "operator"] as const),
    ...admin.securityOfficers.map((id) => [id, "security-officer"] as const),
  ]),
  async isValid({ spiffeId, serial }, signal) {
    const leaf = await storage.ledger.reader.findLeaf(serial, signal);
    return leaf?.spiffeId === spiffeId && !registry.directory.isBanned(leaf.requester as SpiffeId);
  },
});

/** Work that ends with the server; if it ends before, the log says why. */
function background(work: Promise<void>, logger: Logger): void {
  work.catch((thrown: unknown) =>
    logger.error(failureFields(thrown), "a background task of the server ended"),
  );
}
