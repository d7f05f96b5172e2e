import type { CertificateList } from "../../domain/certificate/certificate-list.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { Seconds } from "../../foundation/duration.ts";
import {
  listFilesFor,
  listSigner,
  liveUnder,
  mostIntermediates,
  revocable,
  sealLists,
} from "./break-glass.ts";
import { type Curve, defaultCommonName, validityAt } from "./ca-template.ts";
import { type CeremonySigner, certify, checkSignerLasts } from "./certify.ts";
import { type CeremonyDeps, type CeremonyScript, refusal, type Workshop } from "./conduct.ts";
import type { CeremonyToken, TokenDoor, TokenKey } from "./ports.ts";
import { checkTrustDomain } from "./root-ceremony.ts";
import { enter, lookInto, planFor, requireCaKey } from "./token-room.ts";
import type { Certified } from "./transcript.ts";

export type IntermediateRequest = {
  readonly trustDomain: TrustDomain;
  readonly offline: TokenDoor;
  readonly rootLabel: string;
  readonly issuing: TokenDoor;
  /** The stock's keys are called LABEL-1 … LABEL-count. */
  readonly label: string;
  readonly count: number;
  readonly curve: Curve;
  readonly lifetime: Seconds;
  readonly organization: string | undefined;
  /** Permitted DNS subtrees; none forbids DNS names altogether. */
  readonly dnsSubtrees: readonly string[];
  /** The root's revocation list that is in force since an incident: what it revokes stays revoked. */
  readonly listInForce: CertificateList | undefined;
};

/**
 * A stock of name-constrained intermediates, their keys generated in the issuing token, certified by the root; and for each
 * of them, and each other one in that token, the sealed revocation lists that would take it away.
 */
export const intermediateCeremony = (request: IntermediateRequest, deps: CeremonyDeps): CeremonyScript => {
  const labels = Array.from({ length: request.count }, (_, index) => `${request.label}-${index + 1}`);
  return {
    kind: "intermediate",
    trustDomain: request.trustDomain,
    certificateFiles: labels.map(fileFor),
    async prepare(signal) {
      checkTrustDomain(request.trustDomain);
      const root = await requireCaKey(request.offline, request.rootLabel, signal);
      const rootRead = deps.certificates.read(root.key.certificate);
      const now = deps.clock.now();
      const validity = validityAt(now, request.lifetime);
      checkSignerLasts(rootRead, now, validity.notAfter);
      const room = await lookInto(request.issuing, { use: "issuing", labels }, signal);
      const signer = listSigner(root.key, root.token, deps);
      const lists = { root: signer, deps, listInForce: request.listInForce };
      const inStock = room.token ? liveUnder(room.authorities, lists, room.token) : [];
      const live = [...labels, ...inStock.map(({ label }) => label)];
      checkCount(live.length);
      return {
        plan: [
          ...planFor(room, request.curve, labels),
          `certify ${labels.length} intermediates by "${rootRead.subject}", ${constraintsOf(request)}, valid until ${validity.notAfter.toISOString()}`,
          `sign an empty revocation list with each of ${live.length} intermediates, and with the root one for the compromise of each, and one for none`,
        ],
        moreFiles: listFilesFor(live),
        async perform(workshop, within) {
          const { token, note, destroyed } = await enter(room, within);
          const stock = { request, deps, labels, validity, signer, token, workshop };
          const offline = { label: request.offline.label, use: "offline", initialized: false };
          const made = await makeStock(stock, within);
          const certified = made.map(({ certificate }) => certificate);
          const fresh = made.map(({ key, certificate }) =>
            revocable({ ...key, ...certificate }, token, deps),
          );
          const sealed = await sealLists([...fresh, ...inStock], lists, within);
          return { tokens: [offline, note], destroyedOrphans: destroyed, certified, lists: sealed };
        },
      };
    },
  };
};

function checkCount(intermediates: number): void {
  if (intermediates <= mostIntermediates) return;
  throw refusal(
    `would have ${intermediates} live intermediates under one root: at most ${mostIntermediates} fit into a set of revocation lists`,
  );
}

const fileFor = (label: string): string => `${label}.pem`;

const constraintsOf = ({ trustDomain, dnsSubtrees }: IntermediateRequest): string =>
  `for spiffe://${trustDomain} alone, ${dnsSubtrees.length === 0 ? "no DNS names" : `DNS under ${dnsSubtrees.join(", ")}`}, no IP addresses`;

type Stock = {
  readonly request: IntermediateRequest;
  readonly deps: CeremonyDeps;
  readonly labels: readonly string[];
  readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
  readonly signer: CeremonySigner;
  readonly token: CeremonyToken;
  readonly workshop: Workshop;
};

async function makeStock(
  stock: Stock,
  signal: AbortSignal,
): Promise<{ readonly key: TokenKey; readonly certificate: Certified }[]> {
  const made = [];
  for (const label of stock.labels) {
    signal.throwIfAborted();
    const wanted = { tokenLabel: stock.request.issuing.label, label, curve: stock.request.curve };
    const key = await stock.workshop.generate(stock.token, wanted, signal);
    made.push({ key, certificate: await certifyOne(stock, key, signal) });
  }
  return made;
}

function certifyOne(stock: Stock, key: TokenKey, signal: AbortSignal): Promise<Certified> {
  const { trustDomain, organization, dnsSubtrees } = stock.request;
  const subjectName = stock.deps.certificates.encodeName({
    commonName: defaultCommonName(trustDomain, "issuing", key.keyId),
    ...(organization === undefined ? {} : { organization }),
  });
  return certify(
    {
      file: fileFor(key.label),
      subjectName,
      spki: key.spki,
      subjectKeyId: key.keyId,
      validity: stock.validity,
      pathLength: 0,
      nameConstraints: { uriHost: trustDomain, dnsSubtrees },
    },
    stock,
    signal,
  );
}
