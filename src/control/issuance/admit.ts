import { longestCsr } from "../../domain/certificate/csr.ts";
import { chooseTtl, idFlaw, type LeafProfile, type LeafProfiles } from "../../domain/certificate/profile.ts";
import { isOver, type RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import { parseSpiffeId, type SpiffeId, trustDomainOf } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Clock } from "../../foundation/clock.ts";
import { type Seconds, seconds } from "../../foundation/duration.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { IssuanceRefusal } from "./refusal.ts";
import type { Registrations } from "./registrations.ts";
import { type Admitted, type IssuanceRequest, meshTenant } from "./request.ts";

export type AdmitDeps = {
  readonly trustDomain: TrustDomain;
  readonly profiles: LeafProfiles;
  readonly registrations: Registrations;
  readonly clock: Clock;
  /** Whose certificates are renewed no more, so that a rotation need not wait for them. */
  readonly quarantines: { stops(requester: string, spiffeId: string): boolean };
};

/** What the registration or the profile says of a leaf. */
type Subject = {
  readonly requester: SpiffeId;
  readonly profile: LeafProfile;
  readonly spiffeId: SpiffeId;
  readonly asked: Seconds;
  readonly dnsNames: readonly string[];
  readonly entry?: RegistrationEntry;
};

/**
 * First stage: fixes caller, registration and profile. An agent may have the leaves of entries whose parent it is and its own
 * node SVID; the server any node's (it has just attested it) and its own; an admin any entry's.
 */
export function admit(deps: AdmitDeps, request: IssuanceRequest): Result<Admitted, IssuanceRefusal> {
  if (request.csr.length > longestCsr) {
    return refused({ code: "bad-request", reason: `a request is at most ${longestCsr} bytes long` });
  }
  const found = subjectOf(deps, request);
  if (!found.ok) return found;
  const { requester, profile, spiffeId, asked, dnsNames, entry } = found.value;
  if (trustDomainOf(spiffeId) !== deps.trustDomain) return notAllowed("the ID is of another trust domain");
  if (deps.quarantines.stops(requester, spiffeId)) return refused({ code: "quarantined" });
  const flaw = idFlaw(profile.name, spiffeId);
  if (flaw !== undefined) return notAllowed(flaw);
  const ttl = chooseTtl(profile, asked);
  if (!ttl.ok) return ttl;
  return ok({
    caller: request.caller,
    requester,
    profile,
    ttl: ttl.value,
    spiffeId,
    dnsNames,
    entryId: entry?.id ?? "",
    entryRevision: entry?.revision ?? 0,
    tenant: entry === undefined ? meshTenant : entry.tenant,
    csr: request.csr,
  });
}

function subjectOf(deps: AdmitDeps, { caller, wanted }: IssuanceRequest): Result<Subject, IssuanceRefusal> {
  const asked = seconds(0);
  switch (wanted.kind) {
    case "entry": {
      const entry = deps.registrations.entry(wanted.entryId);
      if (entry === undefined || isOver(entry, deps.clock.now())) return refused({ code: "not-registered" });
      const may = caller.kind === "admin" || (caller.kind === "agent" && caller.id === entry.parentId);
      if (!may) return refused({ code: "not-your-entry" });
      const { spiffeId, dnsNames, x509Ttl } = entry;
      const profile = deps.profiles.workload;
      return ok({ requester: caller.id, profile, spiffeId, asked: x509Ttl, dnsNames, entry });
    }
    case "node": {
      const may = caller.kind === "server" || (caller.kind === "agent" && caller.id === wanted.id);
      if (!may) return notAllowed("an agent may have no node SVID but its own");
      const profile = deps.profiles.node;
      return ok({ requester: wanted.id, profile, spiffeId: wanted.id, asked, dnsNames: [] });
    }
    case "server": {
      if (caller.kind !== "server") return notAllowed("only the server may have the server's leaf");
      const spiffeId = parseSpiffeId(`spiffe://${deps.trustDomain}/meshmint/server`);
      if (!spiffeId.ok) return notAllowed(spiffeId.error);
      const { dnsNames } = wanted;
      return ok({
        requester: caller.id,
        profile: deps.profiles.server,
        spiffeId: spiffeId.value,
        asked,
        dnsNames,
      });
    }
    default:
      return wanted satisfies never;
  }
}

const notAllowed = (reason: string) => refused({ code: "not-allowed" as const, reason });
