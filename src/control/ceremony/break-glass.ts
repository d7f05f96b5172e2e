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
import type { AuthorityKey } from "./ports.ts";
import type { SealedList } from "./transcript.ts";

/** An intermediate for whose compromise a list is sealed. */
export type Revocable = { readonly label: string; readonly serial: string };

type Terms = {
  readonly signer: CeremonySigner & { readonly certificate: Der };
  readonly deps: CeremonyDeps;
  /** The root's end: no chain that a list governs lasts longer, so none ever waits for another list. */
  readonly ends: Date;
  readonly listInForce: CertificateList | undefined;
};

export const listFileFor = (label: string): string => `break-glass-${label}.pem`;

/** The authorities in a token that this root certified and that have not ended. */
export const underRoot = (
  authorities: readonly AuthorityKey[],
  root: Der,
  { certificates, clock }: Pick<CeremonyDeps, "certificates" | "clock">,
): Revocable[] =>
  authorities
    .filter(({ certificate }) => certificates.flawIn(certificate, root) === undefined)
    .map(({ label, certificate }) => ({ label, read: certificates.read(certificate) }))
    .filter(({ read }) => read.notAfter > clock.now())
    .map(({ label, read }) => ({ label, serial: read.serial }));

/**
 * One list of the root for each intermediate: it revokes that one, and all that the list in force revokes. They are made
 * while the root's token is open, for the hour in which it is needed and cannot be. None that does not verify leaves here.
 */
export async function sealLists(
  intermediates: readonly Revocable[],
  terms: Terms,
  signal: AbortSignal,
): Promise<SealedList[]> {
  const { deps, listInForce } = terms;
  if (listInForce) checkInForce(listInForce, terms);
  const revokedAt = backdated(deps.clock.now());
  const number = numberAfter(listInForce, deps.clock.now());
  const sealed: SealedList[] = [];
  for (const { label, serial } of intermediates) {
    signal.throwIfAborted();
    const before = (listInForce?.revoked ?? []).filter((one) => one.serial !== serial);
    const list = await signList([...before, { serial, revokedAt }], { ...terms, number }, signal);
    sealed.push({ file: listFileFor(label), list, signedByKeyId: terms.signer.keyId });
  }
  return sealed;
}

function checkInForce(list: CertificateList, { signer, deps }: Terms): void {
  const flaw = deps.certificates.listFlaw(list.der, signer.certificate);
  if (flaw !== undefined) throw refusal(`cannot go on from the list in force: ${flaw}`);
}

/** Seconds since 1970 leave room between any two ceremonies; after a list with a greater number, one more. */
function numberAfter(before: CertificateList | undefined, now: Date): string {
  const seconds = BigInt(Math.floor(now.getTime() / 1000));
  const next = before === undefined ? seconds : BigInt(`0x${before.number}`) + 1n;
  const digits = (next > seconds ? next : seconds).toString(16);
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

async function signList(
  revoked: readonly RevokedCertificate[],
  { signer, deps, ends, number }: Terms & { readonly number: string },
  signal: AbortSignal,
): Promise<CertificateList> {
  const content = {
    issuer: signer.name,
    thisUpdate: backdated(deps.clock.now()),
    nextUpdate: ends,
    revoked,
    number,
    authorityKeyId: signer.keyId,
  };
  const tbs = writeTbsCertificateList(content, signer.curve);
  const signature = encodeEcdsaSignature(await signer.token.sign({ keyId: signer.keyId, tbs }, signal));
  if (!signature.ok) throw refusal(`got no ECDSA signature from the token: ${signature.error}`);
  const der = assembleCertificateList(tbs, signature.value, signer.curve);
  const list = readCertificateList(der);
  const flaw = list.ok ? deps.certificates.listFlaw(der, signer.certificate) : list.error;
  if (!list.ok || flaw !== undefined || !sameBytes(list.value.tbs, tbs)) {
    throw refusal(`got a revocation list from the token that does not verify: ${flaw}`);
  }
  return list.value;
}
