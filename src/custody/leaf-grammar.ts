import { readDer } from "../domain/certificate/der-reader.ts";
import { dnsNameFlaw } from "../domain/certificate/dns-name.ts";
import { type Extensions, keyUsageBit, type SubjectAltName } from "../domain/certificate/extensions.ts";
import { sameBytes } from "../domain/certificate/hex.ts";
import { LeafForms } from "../domain/certificate/leaf-forms.ts";
import type { LeafIssuer } from "../domain/certificate/leaf-issuer.ts";
import { dnsNameMatches } from "../domain/certificate/name-constraints.ts";
import { oid } from "../domain/certificate/oid.ts";
import { readSpki } from "../domain/certificate/spki.ts";
import { subjectKeyFlaw } from "../domain/certificate/subject-key.ts";
import { readTbs, type TbsCertificate } from "../domain/certificate/tbs-certificate.ts";
import { parseSpiffeId, pathOf, trustDomainOf } from "../domain/identity/spiffe-id.ts";
import { formatDuration, type Seconds } from "../foundation/duration.ts";

export type LeafLimits = {
  /** The longest validity, from notBefore to notAfter inclusive. */
  readonly ttlCap: Seconds;
  /** How far the caller's clock may be ahead of ours. */
  readonly clockSkew: Seconds;
};

type LeafContext = { readonly issuer: LeafIssuer; readonly limits: LeafLimits; readonly now: Date };

/** Bytes; a leaf with its names is well below 2 KiB. */
const longestTbs = 16 * 1024;

/** What may be signed under one authority. */
export class LeafGrammar {
  readonly #issuer: LeafIssuer;
  readonly #limits: LeafLimits;
  readonly #passed = new LeafForms<TbsCertificate>();

  constructor(issuer: LeafIssuer, limits: LeafLimits) {
    this.#issuer = issuer;
    this.#limits = limits;
  }

  /**
   * Says why these bytes are no leaf that this authority may sign; undefined when they are one. Everything that is not
   * expressly allowed is refused: the signer is the last to look before the HSM, and trusts no caller. Of a form that has
   * passed, only what may differ from leaf to leaf is read and judged again, which is the same (leaf-grammar.test.ts).
   */
  flaw(tbs: Uint8Array, now: Date): string | undefined {
    const context = { issuer: this.#issuer, limits: this.#limits, now };
    const again = this.#passed.read(tbs);
    if (again !== undefined) return flawBy(rulesOfFields, again, context);
    const read = readDer(tbs, longestTbs, readTbs);
    if (!read.ok) return `it does not parse: ${read.error}`;
    const formFlaw = flawBy(rulesOfForm, read.value, context);
    if (formFlaw !== undefined) return formFlaw;
    this.#passed.keep(tbs, read.value);
    return flawBy(rulesOfFields, read.value, context);
  }
}

/** One look, with nothing remembered: what the grammar says of bytes that it sees for the first time. */
export const leafFlaw = (tbs: Uint8Array, { issuer, limits, now }: LeafContext): string | undefined =>
  new LeafGrammar(issuer, limits).flaw(tbs, now);

function flawBy(rules: readonly Rule[], tbs: TbsCertificate, context: LeafContext): string | undefined {
  for (const rule of rules) {
    const flaw = rule(tbs, context);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

type Rule = (tbs: TbsCertificate, context: LeafContext) => string | undefined;

const unless = (holds: boolean, flaw: string): string | undefined => (holds ? undefined : flaw);

/** One prefix byte and 136 random bits: anything shorter or longer was not made by our server. */
const serialShape: Rule = ({ serial }) =>
  unless(
    /^[0-7][0-9a-f]{35}$/.test(serial) && !serial.startsWith("00"),
    "its serial is not 18 positive bytes",
  );

const signedAsIssued: Rule = (tbs, { issuer }) =>
  unless(tbs.signatureAlgorithm === issuer.algorithm.oid, "its signature algorithm is not the issuing key's");

/** RFC 5280 §4.1.2.4: names chain by their bytes. */
const sameIssuer: Rule = (tbs, { issuer }) =>
  unless(sameBytes(tbs.issuer, issuer.subject), "its issuer is not the subject of the issuing certificate");

/** RFC 5280 §4.1.2.5: notAfter is inclusive. No leaf is made to outlive its issuer, or for later. */
const validity: Rule = ({ notBefore, notAfter }, { issuer, limits, now }) => {
  const lifetime = (notAfter.getTime() - notBefore.getTime()) / 1000 + 1;
  if (lifetime < 1) return "it ends before it begins";
  if (lifetime > limits.ttlCap) return `it is valid for longer than ${formatDuration(limits.ttlCap)}`;
  if (notAfter > issuer.notAfter) return "it outlives its issuer";
  return unless(notBefore.getTime() <= now.getTime() + limits.clockSkew * 1000, "it begins in the future");
};

const foreignKey: Rule = ({ spki }, { issuer }) =>
  unless(!sameBytes(spki, issuer.spki), "its public key is the issuing key");

/** By form alone; whether a point is on its curve, the server has seen. */
const acceptedKey: Rule = ({ spki }) => {
  const key = readSpki(spki);
  const flaw = key.ok ? subjectKeyFlaw(key.value) : key.error;
  return flaw === undefined ? undefined : `its public key is refused: ${flaw}`;
};

/** By identifier: whether the extension must be, must not be, or may be critical. Nothing else may be there. */
const allowedExtensions: Readonly<Record<string, "critical" | "not critical" | "either">> = {
  [oid.basicConstraints]: "critical",
  [oid.keyUsage]: "critical",
  [oid.extendedKeyUsage]: "not critical",
  [oid.subjectAltName]: "either",
  [oid.subjectKeyIdentifier]: "not critical",
  [oid.authorityKeyIdentifier]: "not critical",
};

const knownExtensions: Rule = ({ extensions }) => {
  for (const { oid: id, critical } of extensions.list) {
    const allowed = allowedExtensions[id];
    if (allowed === undefined) return `it has the extension ${id}, which no leaf may have`;
    if (allowed !== "either" && critical !== (allowed === "critical"))
      return `its extension ${id} must be ${allowed}`;
  }
  return undefined;
};

/** X509-SVID §4.1, §4.3: a leaf has cA FALSE and signs no certificates. */
const endEntity: Rule = ({ extensions }) => {
  const { basicConstraints } = extensions;
  if (basicConstraints === undefined) return "it has no basic constraints";
  if (basicConstraints.ca || basicConstraints.pathLength !== undefined) return "it is a CA certificate";
  return undefined;
};

const usages: Rule = ({ extensions }) => {
  const { keyUsage = [], extendedKeyUsage = [] } = extensions;
  if (keyUsage.length !== 1 || keyUsage[0] !== keyUsageBit.digitalSignature) {
    return "its key usage is not digitalSignature alone";
  }
  const tlsOnly = extendedKeyUsage.every((use) => use === oid.serverAuth || use === oid.clientAuth);
  return unless(
    extendedKeyUsage.length > 0 && tlsOnly,
    "its extended key usage is not serverAuth, clientAuth or both",
  );
};

const chained: Rule = ({ extensions }, { issuer }) =>
  unless(extensions.authorityKeyId === issuer.keyId, "its authority key identifier is not the issuing key's");

const names: Rule = ({ extensions, subject }, { issuer }) => {
  const { subjectAltName: san } = extensions;
  if (san === undefined) return "it has no subject alternative name";
  return spiffeIdFlaw(san, issuer) ?? dnsFlaw(san, issuer) ?? emptySubjectFlaw(subject, extensions);
};

/** X509-SVID §2: exactly one URI, and it is the identity. */
function spiffeIdFlaw({ uris, others }: SubjectAltName, issuer: LeafIssuer): string | undefined {
  const [uri, ...more] = uris;
  if (uri === undefined || more.length > 0) return "it has not exactly one URI name";
  if (others > 0) return "it has names that are neither URI nor DNS";
  const id = parseSpiffeId(uri);
  if (!id.ok) return `its URI name is no SPIFFE ID: ${id.error}`;
  if (trustDomainOf(id.value) !== issuer.trustDomain) return "its SPIFFE ID is of another trust domain";
  return unless(pathOf(id.value) !== "", "its SPIFFE ID is the trust domain's own (X509-SVID §4.1)");
}

/** No wildcard, which turns one identity into many; and nothing that a verifier would refuse under the issuer's constraints (RFC 5280 §4.2.1.10). */
function dnsFlaw(
  { dnsNames }: SubjectAltName,
  { nameConstraints: { permitted, excluded } }: LeafIssuer,
): string | undefined {
  const odd = dnsNames.map(dnsNameFlaw).find((flaw) => flaw !== undefined);
  if (odd !== undefined) return `it has a DNS name that none should have: ${odd}`;
  const outside = dnsNames.find((name) => {
    const confined = permitted.dnsNames.length > 0;
    const inside = !confined || permitted.dnsNames.some((base) => dnsNameMatches(name, base));
    return !inside || excluded.dnsNames.some((base) => dnsNameMatches(name, base));
  });
  return outside === undefined ? undefined : "it has a DNS name outside the issuer's name constraints";
}

/** RFC 5280 §4.2.1.6: with an empty subject the alternative name must be critical. */
function emptySubjectFlaw(subject: Uint8Array, extensions: Extensions): string | undefined {
  const critical = extensions.list.some(({ oid: id, critical }) => id === oid.subjectAltName && critical);
  return subject.length > 2 || critical
    ? undefined
    : "its subject is empty and its alternative name not critical";
}

/** These look at nothing but what all leaves of one LeafForm share. */
const rulesOfForm: readonly Rule[] = [
  signedAsIssued,
  sameIssuer,
  acceptedKey,
  knownExtensions,
  endEntity,
  usages,
  chained,
  names,
];

/** And these at what differs between them. */
const rulesOfFields: readonly Rule[] = [serialShape, validity, foreignKey];
