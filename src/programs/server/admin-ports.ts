import { verifyLedger } from "../../control/ledger/verify-ledger.ts";
import { ProxyPicture } from "../../control/rotation/proxy-list.ts";
import type { Signer } from "../../control/signing/signer.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { isBundle } from "../../domain/trust/holder.ts";
import { systemClock } from "../../foundation/clock.ts";
import { asFault } from "../../foundation/fault.ts";
import type { ServerStatus } from "../../generated/meshmint/admin/v1/ServerStatus.ts";
import type { AdminPorts } from "../../protocols/admin/ports.ts";
import type { ServerConfig } from "./config.ts";
import type { Storage } from "./open-storage.ts";
import type { Presence } from "./presence.ts";
import type { Registry } from "./wire-enrolment.ts";
import { policyOf, type Trust } from "./wire-trust.ts";

export type AdminParts = {
  readonly storage: Storage;
  readonly signer: Signer;
  readonly trust: Trust;
  readonly registry: Registry;
  readonly presence: Presence;
  readonly version: string;
  /** Why the server is not ready, one sentence each. */
  readonly notReady: () => readonly string[];
};

/** What operators may ask, in terms of the use cases. */
export function adminPorts(config: ServerConfig, parts: AdminParts): AdminPorts {
  const { storage, signer, trust, registry } = parts;
  const { picture, roster, driver } = trust;
  const proxies = new ProxyPicture({ picture, roster, policy: policyOf(config), clock: systemClock });
  return {
    tokens: registry.tokens,
    entries: registry.entries,
    registrations: registry.registrations,
    agents: registry.directory,
    presence: (agent) => presenceOf(agent, parts),
    bundle: () => picture.bundle(),
    verifyLedger: (signal) => verifyLedger({ reader: storage.ledger.reader, journal: signer }, signal),
    rotation: driver,
    proxies: (options) => proxies.list(options),
    status: (signal) => statusOf(config, parts, signal),
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
  const { storage, signer, trust, presence, version, notReady } = parts;
  const reasons = notReady();
  const { certificates } = await storage.ledger.reader.counts(signal);
  const signerState = await signer.status(signal).then(
    ({ state, reason }) => (reason === "" ? state : `${state}: ${reason}`),
    (thrown: unknown) => `away: ${asFault(thrown).message}`,
  );
  return {
    trustDomain: config.trustDomain,
    version,
    activeAuthority: trust.picture.activeKeyId(),
    signerState,
    agentsConnected: presence.count,
    certificates,
    ready: reasons.length === 0,
    reasons: [...reasons],
  };
}
