import type { Result } from "../../foundation/result.ts";
import { ok, refused } from "../../foundation/result.ts";
import { type Certificate, readCertificate } from "../certificate/certificate.ts";
import { type CertificateList, readCertificateList } from "../certificate/certificate-list.ts";
import type { Der } from "../certificate/der.ts";
import { sameBytes } from "../certificate/hex.ts";

export type RevocationQuestion = {
  readonly lists: readonly Uint8Array[];
  /** The bundle's roots. */
  readonly roots: readonly Der[];
  /** Intermediates that sign, or may sign next. */
  readonly signing: readonly Der[];
  /** Intermediates that it has to take away. */
  readonly lost: readonly Der[];
  /** The lists in force now: what they revoke must stay revoked. */
  readonly inForce: readonly Der[];
  readonly now: Date;
};

/** Whether the list's signature verifies under the issuer's public key. */
export type ListCheck = (list: Der, issuer: Der) => boolean;

const mostLists = 128;

/**
 * Whether the lists take away what is lost and leave what signs, for as long as they may stand: a verifier that has one list
 * refuses whatever has an issuer without a current one (RFC 5280 §6.3.3), so a set is complete or must not go out. Refuses
 * with one sentence.
 */
export function checkRevocationSet(
  question: RevocationQuestion,
  isListSignedBy: ListCheck,
): Result<readonly Der[], string> {
  const { lists, now } = question;
  if (lists.length > mostLists) return refused(`there are more than ${mostLists} revocation lists`);
  const read: CertificateList[] = [];
  for (const bytes of lists) {
    const list = readCertificateList(new Uint8Array(bytes)); // a copy: what arrived is a view of a whole message
    if (!list.ok) return refused(`a revocation list cannot be read: ${list.error}`);
    if (read.some((other) => other.authorityKeyId === list.value.authorityKeyId))
      return refused(`there are two revocation lists of ${list.value.authorityKeyId}`);
    if (list.value.thisUpdate > now)
      return refused(`the list of ${list.value.authorityKeyId} is not valid yet`);
    read.push(list.value);
  }
  const issuers = [...question.roots, ...question.signing];
  const flaw =
    firstFlaw(issuers, (issuer) => lackFlaw(issuer, read, isListSignedBy)) ??
    firstFlaw(question.signing, (one) => signingFlaw(one, read)) ??
    firstFlaw(question.lost, (one) => lostFlaw(one, read)) ??
    forgottenFlaw(question, read);
  return flaw === undefined ? ok(read.map(({ der }) => der)) : refused(flaw);
}

function firstFlaw(
  certificates: readonly Der[],
  flawOf: (certificate: Certificate) => string | undefined,
): string | undefined {
  for (const der of certificates) {
    const certificate = readCertificate(der);
    const flaw = certificate.ok ? flawOf(certificate.value) : certificate.error;
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

/** Each issuer in a chain needs its list, and none may end before the chains do: nobody renews these in time. */
function lackFlaw(
  issuer: Certificate,
  lists: readonly CertificateList[],
  isListSignedBy: ListCheck,
): string | undefined {
  const name = nameOf(issuer);
  const list = lists.find((one) => isOf(one, issuer, isListSignedBy));
  if (list === undefined) return `no list is of the issuer ${name}: the set is not complete`;
  if (list.nextUpdate < issuer.notAfter)
    return `the list of ${name} ends ${list.nextUpdate.toISOString()}, before its issuer: everything would be refused then`;
  return undefined;
}

/** The list of this issuer; undefined where the set has none. */
export function listOf(issuer: Der, lists: readonly Der[], isListSignedBy: ListCheck): Der | undefined {
  const certificate = readCertificate(issuer);
  if (!certificate.ok) return undefined;
  return lists.find((der) => {
    const list = readCertificateList(der);
    return list.ok && isOf(list.value, certificate.value, isListSignedBy);
  });
}

const isOf = (list: CertificateList, issuer: Certificate, isListSignedBy: ListCheck): boolean =>
  sameBytes(list.issuer, issuer.subject) && isListSignedBy(list.der, issuer.der);

function signingFlaw(one: Certificate, lists: readonly CertificateList[]): string | undefined {
  return isRevoked(one, lists) ? `the set revokes ${nameOf(one)}, which signs` : undefined;
}

function lostFlaw(one: Certificate, lists: readonly CertificateList[]): string | undefined {
  return isRevoked(one, lists) ? undefined : `the set does not revoke ${nameOf(one)}`;
}

/** Whether one of the lists that its issuer signed names it. */
export const isRevoked = (
  { serial, issuer }: Pick<Certificate, "serial" | "issuer">,
  lists: readonly Pick<CertificateList, "issuer" | "revoked">[],
): boolean =>
  lists.some(
    (list) => sameBytes(list.issuer, issuer) && list.revoked.some((entry) => entry.serial === serial),
  );

function forgottenFlaw(
  { inForce }: RevocationQuestion,
  lists: readonly CertificateList[],
): string | undefined {
  for (const der of inForce) {
    const before = readCertificateList(der);
    if (!before.ok) return `a revocation list in force cannot be read: ${before.error}`;
    const after = lists.find((list) => list.authorityKeyId === before.value.authorityKeyId);
    const serials = new Set(after?.revoked.map(({ serial }) => serial));
    const missing = before.value.revoked.find(({ serial }) => !serials.has(serial));
    if (missing) {
      return `the set would give back the certificate ${missing.serial}, which is revoked now: seal a new one by a ceremony with listInForce`;
    }
  }
  return undefined;
}

const nameOf = ({ extensions, serial }: Certificate): string => extensions.subjectKeyId ?? serial;
