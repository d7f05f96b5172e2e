import { SqlAgentStore } from "../../backends/store/agent-store.ts";
import { SqlEntryStore } from "../../backends/store/entry-store.ts";
import { SqlJoinTokenStore } from "../../backends/store/join-token-store.ts";
import { AgentDirectory } from "../../control/enrolment/agent-directory.ts";
import { Entries } from "../../control/enrolment/entries.ts";
import type { IssuerObserver } from "../../control/enrolment/issuer-event.ts";
import { JoinTokenAttestor } from "../../control/enrolment/join-token-attestor.ts";
import { JoinTokens } from "../../control/enrolment/join-tokens.ts";
import { NodeEnrolment, type NodeSvidMinter } from "../../control/enrolment/node-enrolment.ts";
import { Registrations } from "../../control/enrolment/registrations.ts";
import { readCertificate } from "../../domain/certificate/certificate.ts";
import { type LeafIssuer, leafIssuer } from "../../domain/certificate/leaf-issuer.ts";
import type { Authority } from "../../domain/trust/authority.ts";
import { systemClock } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { systemRandom } from "../../foundation/random.ts";
import type { ServerConfig } from "./config.ts";
import type { Storage } from "./open-storage.ts";
import { wireAttestors } from "./wire-attestors.ts";

export type Registry = {
  readonly registrations: Registrations;
  readonly entries: Entries;
  readonly directory: AgentDirectory;
  readonly tokens: JoinTokens;
  /** The door through which nodes come, once there is somebody who mints for them. */
  enrolment(minter: NodeSvidMinter): NodeEnrolment;
};

type Parts = {
  readonly storage: Storage;
  /** SHA-256 of the root that the active authority chains to. */
  readonly anchorSha256: () => string;
  /** The authorities that sign now or are about to. */
  readonly authorities: () => readonly Authority[];
  readonly onLag: (thrown: unknown) => void;
  readonly issuers: IssuerObserver;
};

/** Who may be given what: registration entries, join tokens and attested agents. */
export async function wireRegistry(
  config: ServerConfig,
  parts: Parts,
  signal: AbortSignal,
): Promise<Registry> {
  const { database, ledger } = parts.storage;
  const shared = { ledger: ledger.writer, clock: systemClock, random: systemRandom };
  const store = new SqlEntryStore({ database });
  const registrations = await Registrations.follow(store, parts.onLag, signal);
  const { trustDomain, svids, admin } = config;
  const roleBearers = new Set([...admin.viewers, ...admin.operators, ...admin.securityOfficers]);
  const rules = () => ({
    trustDomain,
    ttlCap: svids.longestTtl,
    roleBearers,
    issuers: parts.authorities().map(issuerOf),
  });
  const directory = await AgentDirectory.load({ ...shared, store: new SqlAgentStore({ database }) }, signal);
  const others = await wireAttestors(config, parts.issuers);
  const tokenStore = new SqlJoinTokenStore({ database });
  return {
    registrations,
    directory,
    entries: new Entries({ ...shared, store, registrations, rules }),
    tokens: new JoinTokens({ ...shared, store: tokenStore, anchorSha256: parts.anchorSha256 }),
    enrolment: (minter) => {
      const attestors = [new JoinTokenAttestor({ ...shared, tokens: tokenStore, trustDomain }), ...others];
      return new NodeEnrolment({ ...shared, attestors, directory, minter });
    },
  };
}

/** An authority was checked before it was stored; should its certificate not read any more, no entry is taken on trust. */
function issuerOf({ keyId, certificate }: Authority): LeafIssuer {
  const read = readCertificate(certificate);
  const issuer = read.ok ? leafIssuer(read.value) : read;
  if (issuer.ok) return issuer.value;
  throw new Fault("INTERNAL", `the stored certificate of authority ${keyId} does not read: ${issuer.error}`);
}
