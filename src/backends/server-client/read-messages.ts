import { X509Certificate } from "node:crypto";
import type { ServerUpdate } from "../../agent/session/server-feed.ts";
import type { IssuedChain } from "../../agent/svids/svid-issuer.ts";
import { readCertificateList } from "../../domain/certificate/certificate-list.ts";
import type { Der } from "../../domain/certificate/der.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import { parseSpiffeId, type SpiffeId, trustDomainOf } from "../../domain/identity/spiffe-id.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import { seconds } from "../../foundation/duration.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import type { SvidChain__Output } from "../../generated/meshmint/node/v1/SvidChain.ts";
import type { WatchUpdate__Output } from "../../generated/meshmint/node/v1/WatchUpdate.ts";
import type { Entry__Output } from "../../generated/meshmint/trust/v1/Entry.ts";
import type { TrustBundle__Output } from "../../generated/meshmint/trust/v1/TrustBundle.ts";

const mostAnchors = 64;
const mostLists = 128;
const mostChain = 8;

/** A chain as it came; whether it fits is checked by the one who has its key. */
export function readChain(message: SvidChain__Output | null): IssuedChain {
  const chain = message?.chainDer ?? [];
  const authorityKeyId = message?.authorityKeyId ?? "";
  if (chain.length === 0 || chain.length > mostChain || !/^[0-9a-f]{2,128}$/.test(authorityKeyId)) {
    throw new Fault("SERVER_UNAVAILABLE", "the server sent a certificate chain that cannot be read");
  }
  return { chain: chain.map(toDer), authorityKeyId };
}

/** Refuses a bundle that Envoy's SPIFFE validator would refuse: every anchor is a self-signed CA, none stands twice. */
export function readBundle(message: TrustBundle__Output, trustDomain: TrustDomain): Result<Bundle, string> {
  const sequence = Number(message.sequence);
  const anchors = message.anchorsDer;
  if (message.trustDomain !== trustDomain)
    return refused(`a bundle of trust domain "${message.trustDomain}"`);
  if (!Number.isSafeInteger(sequence) || sequence < 0) return refused("a bundle with an impossible sequence");
  if (anchors.length === 0 || anchors.length > mostAnchors)
    return refused(`a bundle of ${anchors.length} anchors`);
  const isUnique = new Set(anchors.map((anchor) => anchor.toString("base64"))).size === anchors.length;
  if (!isUnique) return refused("a bundle that has an anchor twice");
  if (!anchors.every(isRoot)) return refused("a bundle with an anchor that is no self-signed CA certificate");
  const lists = message.revocationListsDer;
  if (lists.length > mostLists) return refused(`a bundle of ${lists.length} revocation lists`);
  if (!lists.every((list) => readCertificateList(list).ok))
    return refused("a bundle with a revocation list that cannot be read");
  return ok({ trustDomain, sequence, anchors: anchors.map(toDer), lists: lists.map(toDer) });
}

function isRoot(der: Buffer): boolean {
  try {
    const certificate = new X509Certificate(der);
    const isWhole = certificate.raw.length === der.length;
    return (
      isWhole &&
      certificate.ca &&
      certificate.checkIssued(certificate) &&
      certificate.verify(certificate.publicKey)
    );
  } catch {
    return false;
  }
}

/** Reads an update for this agent; what is not for it, or cannot be read, is left out and named in `flaws`. */
export function readUpdate(message: WatchUpdate__Output, agentId: SpiffeId): ServerUpdate {
  const flaws: string[] = [];
  const upserts = message.upserts.flatMap((entry) => {
    const read = readEntry(entry, agentId);
    if (read.ok) return read.value;
    flaws.push(read.error);
    return [];
  });
  const bundle = message.bundle && readBundle(message.bundle, trustDomainOf(agentId));
  if (bundle && !bundle.ok) flaws.push(bundle.error);
  const { authority } = message;
  return {
    full: message.full,
    upserts,
    removedIds: message.removedEntryIds,
    bundle: bundle?.ok ? bundle.value : undefined,
    authority: authority
      ? {
          activeKeyId: authority.activeKeyId,
          reissueSpreadMs: authority.reissueSpreadMs,
          emergency: authority.emergency,
        }
      : undefined,
    flaws,
  };
}

function readEntry(entry: Entry__Output, agentId: SpiffeId): Result<RegistrationEntry, string> {
  const spiffeId = parseSpiffeId(entry.spiffeId);
  const called = `entry ${JSON.stringify(entry.id.slice(0, 64))}`;
  if (!spiffeId.ok) return refused(`${called}: ${spiffeId.error}`);
  if (trustDomainOf(spiffeId.value) !== trustDomainOf(agentId))
    return refused(`${called} is of another trust domain`);
  if (entry.parentId !== agentId) return refused(`${called} is for another agent`);
  if (entry.id === "" || entry.selectors.length === 0) return refused(`${called} has no id or no selectors`);
  return ok({
    id: entry.id,
    spiffeId: spiffeId.value,
    parentId: agentId,
    selectors: entry.selectors,
    x509Ttl: seconds(entry.x509TtlSeconds),
    dnsNames: entry.dnsNames,
    hint: entry.hint,
    priority: entry.priority,
    labels: entry.labels,
    tenant: entry.tenant,
    revision: entry.revision,
    createdAt: new Date(Number(entry.createdAtMs)),
    ...(entry.expiresAtMs !== "0" && { expiresAt: new Date(Number(entry.expiresAtMs)) }),
  });
}

const toDer = (bytes: Buffer): Der => new Uint8Array(bytes) as Der;
