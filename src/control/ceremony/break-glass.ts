import {
  assembleCertificateList,
  type CertificateList,
  type RevokedCertificate,
  readCertificateList,
  writeTbsCertificateList,
} from "../../domain/certificate/certificate-list.ts";
import type { Der } from "../../domain/certificate/der.ts";
import { encodeEcdsaSignature } from "../../domain/certificate/ecdsa-signature.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import { backdated } from "./ca-template.ts";
import type { CeremonySigner } from "./certify.ts";
import { type CeremonyDeps, refusal } from "./conduct.ts";
import type { AuthorityKey, CeremonyToken } from "./ports.ts";
import type { ListsFile } from "./transcript.ts";

/** An authority of this ceremony, with its certificate: the root, or an intermediate. */
export type ListSigner = CeremonySigner & {
  readonly certificate: Der;
  readonly serial: string;
  readonly notAfter: Date;
};

/** An intermediate for whose compromise a set of lists is sealed. */
export type Revocable = ListSigner & { readonly label: string };

type Terms = {
  readonly root: ListSigner;
  readonly deps: CeremonyDeps;
  /** The root's list that is in force since an incident. */
  readonly listInForce: CertificateList | undefined;
};

/** A set has a list of the root and one of each intermediate; a PEM text here has at most 64 blocks. */
export const mostIntermediates = 63;

const listsFile = "lists.pem";
const breakGlassFile = (label: string): string => `break-glass-${label}.pem`;

/** The files that `sealLists` fills. */
export const listFilesFor = (labels: readonly string[]): string[] => [
  ...labels.map(breakGlassFile),
  listsFile,
];

/** The authorities in a token that this root certified, that have not ended and that no list in force revokes. */
export function liveUnder(
  authorities: readonly AuthorityKey[],
  { root, deps, listInForce }: Terms,
  token: CeremonyToken,
): Revocable[] {
  const revoked = new Set(listInForce?.revoked.map(({ serial }) => serial));
  return authorities
    .filter(({ certificate }) => deps.certificates.flawIn(certificate, root.certificate) === undefined)
    .map((key) => revocable(key, token, deps))
    .filter(({ notAfter, serial }) => notAfter > deps.clock.now() && !revoked.has(serial))
    .toSorted((a, b) => (a.label < b.label ? -1 : 1));
}

type CertifiedKey = Omit<AuthorityKey, "spki">;
type Reading = Pick<CeremonyDeps, "certificates">;

export function listSigner(key: CertifiedKey, token: CeremonyToken, { certificates }: Reading): ListSigner {
  const { keyId, curve, certificate } = key;
  const { subjectName: name, serial, notAfter } = certificates.read(certificate);
  return { token, keyId, curve, name, certificate, serial, notAfter };
}

export const revocable = (key: CertifiedKey, token: CeremonyToken, deps: Reading): Revocable => ({
  ...listSigner(key, token, deps),
  label: key.label,
});

/**
 * For each intermediate the complete set of lists that takes it away and leaves the others: the root's list, which revokes it and
 * whatever the list in force revokes, and an empty list of each other one. Made while all their keys can be asked, for the hour
 * in which they are needed and the root's cannot be. And the set that takes nobody away, for meshes with lists in force.
 */
export async function sealLists(
  intermediates: readonly Revocable[],
  terms: Terms,
  signal: AbortSignal,
): Promise<ListsFile[]> {
  const { root, deps, listInForce } = terms;
  if (listInForce) checkInForce(listInForce, terms);
  const now = deps.clock.now();
  const before = listInForce?.revoked ?? [];
  const make = (by: ListSigner, revoked: readonly RevokedCertificate[]) =>
    signList(by, { deps, revoked, number: numberAfter(listInForce, now) }, signal);
  const empty = new Map<Revocable, CertificateList>();
  for (const one of intermediates) empty.set(one, await make(one, []));
  const files: ListsFile[] = [];
  for (const lost of intermediates) {
    const others = intermediates.filter((one) => one !== lost).flatMap((one) => empty.get(one) ?? []);
    const revoked = [...before, { serial: lost.serial, revokedAt: backdated(now) }];
    files.push({ file: breakGlassFile(lost.label), lists: [await make(root, revoked), ...others] });
  }
  return [...files, { file: listsFile, lists: [await make(root, before), ...empty.values()] }];
}

function checkInForce(list: CertificateList, { root, deps }: Terms): void {
  const flaw = deps.certificates.listFlaw(list.der, root.certificate);
  if (flaw !== undefined) throw refusal(`cannot go on from the list in force: ${flaw}`);
}

/** Seconds since 1970 leave room between any two ceremonies; after a list with a greater number, one more. */
function numberAfter(before: CertificateList | undefined, now: Date): string {
  const seconds = BigInt(Math.floor(now.getTime() / 1000));
  const next = before === undefined ? seconds : BigInt(`0x${before.number}`) + 1n;
  const digits = (next > seconds ? next : seconds).toString(16);
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

/**
 * It lasts as long as its issuer, since a verifier refuses everything once a list has ended: no chain that it governs lasts
 * longer. Nothing that does not verify leaves this function.
 */
async function signList(
  by: ListSigner,
  wanted: Pick<Terms, "deps"> & { readonly revoked: readonly RevokedCertificate[]; readonly number: string },
  signal: AbortSignal,
): Promise<CertificateList> {
  signal.throwIfAborted();
  const { deps, revoked, number } = wanted;
  const thisUpdate = backdated(deps.clock.now());
  const content = {
    issuer: by.name,
    thisUpdate,
    nextUpdate: by.notAfter,
    revoked,
    number,
    authorityKeyId: by.keyId,
  };
  const tbs = writeTbsCertificateList(content, by.curve);
  const signature = encodeEcdsaSignature(await by.token.sign({ keyId: by.keyId, tbs }, signal));
  if (!signature.ok) throw refusal(`got no ECDSA signature from the token: ${signature.error}`);
  const der = assembleCertificateList(tbs, signature.value, by.curve);
  const list = readCertificateList(der);
  const flaw = list.ok ? deps.certificates.listFlaw(der, by.certificate) : list.error;
  if (!list.ok || flaw !== undefined || !sameBytes(list.value.tbs, tbs)) {
    throw refusal(`got a revocation list from the token that does not verify: ${flaw}`);
  }
  return list.value;
}
