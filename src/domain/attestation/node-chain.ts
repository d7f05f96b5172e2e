import { ok, type Result, refused } from "../../foundation/result.ts";
import type { Certificate } from "../certificate/certificate.ts";
import { type Extensions, keyUsageBit } from "../certificate/extensions.ts";
import { refusesDnsName } from "../certificate/name-constraints.ts";
import { oid } from "../certificate/oid.ts";
import { knownSignatures } from "../certificate/signature-algorithm.ts";
import { readSpki } from "../certificate/spki.ts";
import { subjectKeyFlaw } from "../certificate/subject-key.ts";

export type ChainRules = {
  readonly anchors: readonly Certificate[];
  readonly now: Date;
  /** Whether the signature of the first verifies under the key of the second. */
  readonly isSignedBy: (certificate: Certificate, issuer: Certificate) => boolean;
};

const anyPurpose = "2.5.29.37.0";
const certificatePolicies = "2.5.29.32";
/** Any other extension that is critical is one we do not process, and its certificate is refused. RFC 5280 §4.2. */
const processed: ReadonlySet<string> = new Set([
  oid.basicConstraints,
  oid.keyUsage,
  oid.extendedKeyUsage,
  oid.subjectAltName,
  oid.nameConstraints,
  certificatePolicies,
]);

/**
 * Checks a node's certificate and the path from it to one of the anchors (RFC 5280 §6.1): each certificate is the next one's, the last
 * an anchor's. What stands behind that is not looked at. Gives the node's certificate.
 */
export function checkNodeChain(
  chain: readonly Certificate[],
  rules: ChainRules,
): Result<Certificate, string> {
  const [leaf] = chain;
  if (leaf === undefined) return refused("there is no certificate");
  const flaw = leafFlaw(leaf) ?? pathFlaw(chain, leaf, rules);
  return flaw === undefined ? ok(leaf) : refused(flaw);
}

function leafFlaw({ extensions, spki }: Certificate): string | undefined {
  if (extensions.basicConstraints?.ca) return "the node's certificate is a CA's";
  if (!extensions.keyUsage?.includes(keyUsageBit.digitalSignature))
    return "the node's certificate is not for digital signatures (key usage)";
  if (extensions.keyUsage.includes(keyUsageBit.keyCertSign))
    return "the node's certificate may sign certificates (key usage)";
  const key = readSpki(spki);
  const keyFlaw = key.ok ? subjectKeyFlaw(key.value) : key.error;
  return keyFlaw ?? purposeFlaw(extensions, "the node's certificate");
}

function pathFlaw(
  chain: readonly Certificate[],
  leaf: Certificate,
  { anchors, now, isSignedBy }: ChainRules,
): string | undefined {
  for (const [at, certificate] of chain.entries()) {
    const flaw = validityFlaw(certificate, now) ?? formFlaw(certificate);
    if (flaw !== undefined) return flaw;
    const issues = (issuer: Certificate) =>
      Buffer.compare(issuer.subject, certificate.issuer) === 0 && isSignedBy(certificate, issuer);
    const anchor = anchors.find(issues);
    const issuer = anchor ?? chain[at + 1];
    if (issuer === undefined) return "the chain leads to none of the configured authorities";
    if (anchor === undefined && !issues(issuer))
      return "a certificate in the chain is not issued by the next";
    const issuerFlaw = authorityFlaw(issuer, { below: intermediates(chain, at), leaf });
    if (issuerFlaw !== undefined) return issuerFlaw;
    if (anchor !== undefined) return validityFlaw(anchor, now);
  }
  return undefined;
}

/** How many certificates of authorities stand below the issuer of the one at `at`; self-issued ones do not count. RFC 5280 §6.1.4. */
const intermediates = (chain: readonly Certificate[], at: number): number =>
  chain.slice(1, at + 1).filter(({ subject, issuer }) => Buffer.compare(subject, issuer) !== 0).length;

function validityFlaw({ notBefore, notAfter }: Certificate, now: Date): string | undefined {
  if (notBefore > now) return `a certificate in the chain is not valid before ${notBefore.toISOString()}`;
  // notAfter is inclusive, to the end of its second (RFC 5280 §4.1.2.5).
  if (notAfter.getTime() + 999 < now.getTime())
    return `a certificate in the chain expired at ${notAfter.toISOString()}`;
  return undefined;
}

function formFlaw({ signatureAlgorithm, extensions }: Certificate): string | undefined {
  if (knownSignatures[signatureAlgorithm] === undefined)
    return `a certificate in the chain is signed by algorithm ${signatureAlgorithm}, which is not accepted`;
  const unknown = extensions.list.find(({ oid: id, critical }) => critical && !processed.has(id));
  return (
    unknown && `a certificate in the chain has the critical extension ${unknown.oid}, which is not known`
  );
}

function authorityFlaw(
  { extensions }: Certificate,
  { below, leaf }: { readonly below: number; readonly leaf: Certificate },
): string | undefined {
  const { basicConstraints, keyUsage } = extensions;
  if (!basicConstraints?.ca) return "a certificate in the chain was issued by one that is no CA's";
  if (keyUsage !== undefined && !keyUsage.includes(keyUsageBit.keyCertSign))
    return "an authority in the chain may not sign certificates (key usage)";
  if ((basicConstraints.pathLength ?? below) < below)
    return "the chain is longer than an authority in it allows";
  return purposeFlaw(extensions, "an authority in the chain") ?? constraintsFlaw(extensions, leaf.extensions);
}

function purposeFlaw({ extendedKeyUsage }: Extensions, whose: string): string | undefined {
  const fits =
    extendedKeyUsage?.some((purpose) => purpose === oid.clientAuth || purpose === anyPurpose) ?? true;
  return fits ? undefined : `${whose} is not for client authentication (extended key usage)`;
}

/** DNS names are held against the constraints; names of other kinds under an authority that is constrained at all are refused. */
function constraintsFlaw({ nameConstraints }: Extensions, leaf: Extensions): string | undefined {
  if (nameConstraints === undefined) return undefined;
  const { uris = [], dnsNames = [], others = 0 } = leaf.subjectAltName ?? {};
  const { permitted, excluded } = nameConstraints;
  if (uris.length + others + permitted.others + excluded.others > 0)
    return "an authority in the chain has constraints on names of a kind that is not checked here";
  const refusedName = dnsNames.find((name) => refusesDnsName(nameConstraints, name));
  return refusedName && `an authority in the chain may not issue for ${refusedName}`;
}
