import { verifyLedger } from "../../control/ledger/verify-ledger.ts";
import { ProxyPicture } from "../../control/rotation/proxy-list.ts";
import type { SignerFleet } from "../../control/signing/signer-fleet.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { isBundle } from "../../domain/trust/holder.ts";
import { systemClock } from "../../foundation/clock.ts";
import type { ServerStatus } from "../../generated/meshmint/admin/v1/ServerStatus.ts";
import type { AdminPorts } from "../../protocols/admin/ports.ts";
import type { ServerConfig } from "./config.ts";
import type { Storage } from "./open-storage.ts";
import type { Presence } from "./presence.ts";
import type { Registry } from "./wire-enrolment.ts";
import type { Issuance } from "./wire-issuance.ts";
import { policyOf, type Trust } from "./wire-trust.ts";

export type AdminParts = {
  readonly storage: Storage;
  readonly fleet: SignerFleet;
  readonly trust: Trust;
  readonly registry: Registry;
  readonly issuance: Pick<Issuance, "pipeline">;
  readonly presence: Presence;
  readonly version: string;
  /** Why the server is not ready, one sentence each. */
  readonly notReady: () => readonly string[];
};

/** What operators may ask, in terms of the use cases. */
export function adminPorts(config: ServerConfig, parts: AdminParts): AdminPorts {
  const { storage, fleet, trust, registry, issuance } = parts;
  const { picture, roster, driver, quarantines } = trust;
  const proxies = new ProxyPicture({
    picture,
    roster,
    quarantines,
    policy: policyOf(config),
    clock: systemClock,
  });
  return {
    tokens: registry.tokens,
    entries: registry.entries,
    registrations: registry.registrations,
    agents: registry.directory,
    presence: (agent) => presenceOf(agent, parts),
    bundle: () => picture.bundle(),
    verifyLedger: (signal) =>
      verifyLedger({ reader: storage.ledger.reader, journal: fleet, lost: trust.guard.lost }, signal),
    ledgerLog: storage.ledger.log,
    rotation: driver,
    defaultSoak: config.rotation.cohorts.soak,
    stock: trust.schedule,
    forecast: (offered, signal) =>
      driver.forecast(
        {
          offered,
          reissueSpread: config.rotation.reissueSpread,
          signaturesPerSecond: issuance.pipeline.report().perSecond,
        },
        signal,
      ),
    quarantines,
    proxies: (options) => proxies.list(options),
    signers: fleet,
    status: (signal) => statusOf(config, parts, signal),
    limits: () => issuance.pipeline.report(),
    now: () => systemClock.now(),
  };
}

function presenceOf(agent: SpiffeId, { presence, trust }: AdminParts) {
  const programVersion = presence.versionOf(agent);
  if (programVersion === undefined) return undefined;
  const holder = trust.roster.holders().find(({ kind, agentId }) => kind === "agent" && agentId === agent);
  const bundleSequence = Number(holder?.secrets.find(isBundle)?.acknowledged?.version ?? 0);
  return { programVersion, bundleSequence };
}

async function statusOf(config: ServerConfig, parts: AdminParts, signal: AbortSignal): Promise<ServerStatus> {
  const { storage, fleet, trust, presence, version, notReady } = parts;
  const reasons = notReady();
  const { certificates } = await storage.ledger.reader.counts(signal);
  return {
    trustDomain: config.trustDomain,
    version,
    activeAuthority: trust.picture.activeKeyId(),
    signerState: signerStateOf(fleet),
    agentsConnected: presence.count,
    certificates,
    ready: reasons.length === 0,
    reasons: [...reasons],
  };
}

/** As the fleet's watch last saw them: one sentence, with names where there are several. */
function signerStateOf({ members }: SignerFleet): string {
  const said = members.map(({ name, standing, lastStatus }) => {
    const state = standing.kind === "quarantined" ? "quarantined" : (lastStatus?.state ?? "away");
    const reason = standing.kind === "usable" ? (lastStatus?.reason ?? "") : standing.reason;
    const text = reason === "" ? state : `${state}: ${reason}`;
    return members.length > 1 ? `${name} ${text}` : text;
  });
  return said.join("; ");
}
