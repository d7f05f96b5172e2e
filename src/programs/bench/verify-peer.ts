import { uriHostMatches } from "../../domain/certificate/name-constraints.ts";
import { parseSpiffeId, trustDomainOf } from "../../domain/identity/spiffe-id.ts";
import { type HeldBundle, type HeldLeaf, spiffeIdOf, type Verifier } from "./held-secrets.ts";
import type { PeerCertificate } from "./peer-certificate.ts";

type Search = {
  readonly verifier: Verifier;
  readonly chain: readonly PeerCertificate[];
  readonly trustDomain: string;
  readonly now: Date;
  /** The furthest that a path got, for the refusal. */
  flaw: string;
};

const longestPath = 8;

/**
 * Why a proxy with this bundle would refuse a peer that presents this leaf, or undefined. As Envoy's SPIFFE validator:
 * the one URI name decides which anchors count; a path leads by names and signatures to one of them, over what the peer
 * sent; each certificate on it is valid now, anchor included, is not revoked, and keeps to its issuers' path lengths and
 * names (RFC 5280 §6.1).
 */
export function whyRefused(peer: HeldLeaf, bundle: HeldBundle, now: Date): string | undefined {
  const [leaf, ...chain] = peer.chain;
  const id = parseSpiffeId(spiffeIdOf(leaf));
  if (!id.ok) return "its certificate bears no SPIFFE ID";
  if (leaf.claimsToSign) return "its certificate is one of an authority";
  const trustDomain = trustDomainOf(id.value);
  const verifier = bundle.verifiers.get(trustDomain) ?? bundle.verifiers.get("");
  if (verifier === undefined) return `no bundle for trust domain ${trustDomain}`;
  const search = { verifier, chain, trustDomain, now, flaw: "no path from its certificate to an anchor" };
  const outdated = validityFlaw(leaf, now);
  if (outdated) return `its certificate ${outdated}`;
  return leadsToAnchor(search, [leaf]) ? undefined : search.flaw;
}

/** Whether some issuer of the path's last certificate, anchors first, leads on to an anchor. */
function leadsToAnchor(search: Search, path: readonly PeerCertificate[]): boolean {
  const last = path.at(-1);
  if (last === undefined || path.length > longestPath) return false;
  const names = (issuer: PeerCertificate) => issuer.subject === last.issuer;
  if (search.verifier.anchors.filter(names).some((anchor) => mayIssue(search, path, anchor))) return true;
  return search.chain
    .filter((issuer) => names(issuer) && !path.includes(issuer))
    .some((issuer) => mayIssue(search, path, issuer) && leadsToAnchor(search, [...path, issuer]));
}

function mayIssue(search: Search, path: readonly PeerCertificate[], issuer: PeerCertificate): boolean {
  const flaw = issuerFlaw(search, path, issuer);
  if (flaw !== undefined) search.flaw = `an issuer of its certificate ${flaw}`;
  return flaw === undefined;
}

function issuerFlaw(
  { verifier, trustDomain, now }: Search,
  path: readonly PeerCertificate[],
  issuer: PeerCertificate,
): string | undefined {
  const { basicConstraints, nameConstraints } = issuer.fields.extensions;
  if (!issuer.maySign) return "may not sign certificates";
  // RFC 5280 §4.2.1.9: certificates between it and the leaf, those that are issued by themselves not counted.
  const between = path.slice(1).filter(({ subject, issuer: by }) => subject !== by).length;
  if (between > (basicConstraints?.pathLength ?? longestPath))
    return "is too far from it for its path length";
  const outdated = validityFlaw(issuer, now);
  if (outdated) return outdated;
  const { permitted, excluded } = nameConstraints ?? { permitted: undefined, excluded: undefined };
  const inside = (subtree: string) => uriHostMatches(trustDomain, subtree);
  if (permitted && permitted.uris.length > 0 && !permitted.uris.some(inside))
    return "may not certify its name";
  if (excluded?.uris.some(inside)) return "may not certify its name";
  const [below] = path.slice(-1);
  if (!below?.isSignedBy(issuer)) return "has the name but did not sign it";
  return revocationFlaw(below, issuer, { lists: verifier.lists, now });
}

/** As OpenSSL with CRL_CHECK_ALL, which a list in the context turns on in Envoy. */
function revocationFlaw(
  below: PeerCertificate,
  issuer: PeerCertificate,
  { lists, now }: { readonly lists: Verifier["lists"]; readonly now: Date },
): string | undefined {
  if (lists.length === 0) return undefined;
  const list = lists.find((one) => one.isOf(issuer));
  return list ? list.flawOf(below, now) : "has no revocation list where others have one";
}

function validityFlaw({ fields }: PeerCertificate, now: Date): string | undefined {
  if (now < fields.notBefore) return `is not valid before ${fields.notBefore.toISOString()}`;
  // notAfter is the last second that counts, all of it (RFC 5280 §4.1.2.5).
  if (now.getTime() >= fields.notAfter.getTime() + 1000) return `ended at ${fields.notAfter.toISOString()}`;
  return undefined;
}
