import { readCertificate } from "../../domain/certificate/certificate.ts";
import { readCertificateList } from "../../domain/certificate/certificate-list.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { holderName } from "../../domain/trust/barrier-words.ts";
import type { Holder } from "../../domain/trust/holder.ts";
import type { Incident } from "../../domain/trust/incident.ts";
import { authoritiesOf, type TrustState } from "../../domain/trust/trust-state.ts";
import { sha256Hex } from "../../foundation/digest.ts";
import type { Barriers } from "./barriers.ts";
import { whoIsInTheWay } from "./describe-laggards.ts";

/**
 * What an operator is shown of an incident: field for field `meshmint.admin.v1.IncidentStatus`. Times are milliseconds since
 * 1970, 0 for not yet.
 */
export type IncidentStatus = {
  /** "" when there was none. */
  authority: string;
  stage: string;
  reason: string;
  by: string;
  startedMs: number;
  /** Nobody depended on a leaf of the lost intermediate any more, and its lists went out. */
  replacedMs: number;
  /** Every holder had taken the lists up, or was gone. */
  closedMs: number;
  bundleSequence: number;
  /** Who has not taken the lists up, one sentence each. */
  behind: string[];
  /** Whom the lists do not protect, one sentence each. */
  exposed: string[];
};

const none: IncidentStatus = {
  authority: "",
  stage: "none",
  reason: "",
  by: "",
  startedMs: 0,
  replacedMs: 0,
  closedMs: 0,
  bundleSequence: 0,
  behind: [],
  exposed: [],
};

const mostNamed = 500;
const mostPartners = 10;

/**
 * Holders take a set up as a whole: its root's list stands for it, or what has come into its place since, which revokes no less.
 * Undefined when the root has gone with its lists.
 */
export function nameOfLists({ bundle }: TrustState, { lists }: Incident): string | undefined {
  const issuerOf = (der: Der) => {
    const list = readCertificateList(der);
    return list.ok ? list.value.authorityKeyId : undefined;
  };
  const [ofRoot] = lists;
  const root = ofRoot && issuerOf(ofRoot);
  const present = bundle.lists.find((der) => issuerOf(der) === root);
  return present && sha256Hex(present);
}

export function describeIncident(state: TrustState, barriers: Barriers): IncidentStatus {
  const { incident } = state;
  if (!incident) return none;
  const { authority, stage, reason, by, at } = incident;
  const name = stage === "withdrawn" ? nameOfLists(state, incident) : undefined;
  const behind = name === undefined ? [] : whoIsInTheWay(barriers.lists(name));
  return {
    authority,
    stage,
    reason,
    by,
    startedMs: at.getTime(),
    replacedMs: stage === "replacing" ? 0 : incident.replacedAt.getTime(),
    closedMs: stage === "closed" ? incident.closedAt.getTime() : 0,
    bundleSequence: stage === "replacing" ? 0 : incident.bundleSequence,
    behind: behind.slice(0, mostNamed),
    exposed: exposedBy(state, incident, barriers.partners()),
  };
}

/** What no list reaches; said each time, since an operator must not believe that all is over. */
function exposedBy(state: TrustState, { authority }: Incident, partners: readonly Holder[]): string[] {
  const [lost] = authoritiesOf(state, ({ keyId }) => keyId === authority);
  const read = lost && readCertificate(lost.certificate);
  const end = read?.ok ? read.value.notAfter.toISOString() : "the end of the lost intermediate";
  return [
    `clients that read no revocation lists (go-spiffe among them) accept what the thief signs until ${end}, or until the root is retired: rotate it`,
    "connections that were open stay open, and sessions may be resumed, where a proxy does not bound their age",
    ...(partners.length === 0 ? [] : [exposedPartners(partners)]),
  ];
}

/** SPIFFE Trust Domain and Bundle §4: a bundle carries roots, and nothing that revokes. */
function exposedPartners(partners: readonly Holder[]): string {
  const named = partners.slice(0, mostPartners).map(holderName);
  const rest = partners.length > mostPartners ? `, and ${partners.length - mostPartners} more` : "";
  return `federated trust domains get no revocation lists, and accept the same for as long: ${named.join(", ")}${rest}`;
}
