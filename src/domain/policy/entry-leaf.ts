import type { Der } from "../certificate/der.ts";
import type { LeafIssuer } from "../certificate/leaf-issuer.ts";
import { longestLeafTbs } from "../certificate/leaf-tbs.ts";
import { LeafTemplate } from "../certificate/leaf-template.ts";
import { refusesDnsName } from "../certificate/name-constraints.ts";
import { serialLength } from "../certificate/serial.ts";
import type { SpiffeId } from "../identity/spiffe-id.ts";

/** What an entry puts into its leaves. */
export type LeafNames = { readonly spiffeId: SpiffeId; readonly dnsNames: readonly string[] };

/** The longest key that is certified, RSA with 4096 bits, as a SubjectPublicKeyInfo. */
const longestSpkiBytes = 550;
/** One from 2050 on is written with two digits more (RFC 5280 §4.1.2.5). */
const lateDate = new Date("2050-01-01T00:00:00Z");

/**
 * Why no leaf with these names could ever be issued, one sentence each: a DNS name that one of the authorities may not
 * certify, or more names than fit into a leaf with the longest key. Empty when all of them would let it pass.
 */
export function leafFlaws(names: LeafNames, issuers: readonly LeafIssuer[]): readonly string[] {
  return [
    ...new Set(issuers.flatMap((issuer) => [...constraintFlaws(names, issuer), ...sizeFlaws(names, issuer)])),
  ];
}

const constraintFlaws = ({ dnsNames }: LeafNames, { keyId, nameConstraints }: LeafIssuer): string[] =>
  dnsNames
    .filter((name) => refusesDnsName(nameConstraints, name))
    .map(
      (name) =>
        `"${name}" is not below any DNS name that the issuing authority ${keyId} may certify (its ceremony's ` +
        "intermediate.dnsSubtrees): leave it out, or rotate to an intermediate that may",
    );

function sizeFlaws({ spiffeId, dnsNames }: LeafNames, issuer: LeafIssuer): string[] {
  const { length } = new LeafTemplate(issuer, spiffeId, dnsNames).fill({
    serial: new Uint8Array(serialLength),
    validity: { notBefore: lateDate, notAfter: lateDate },
    spki: new Uint8Array(longestSpkiBytes) as Der,
    keyIdentifier: new Uint8Array(20),
  });
  if (length <= longestLeafTbs) return [];
  return [
    `with them a certificate would be signed over ${length} bytes, and ${longestLeafTbs} is the most: ` +
      "shorten or leave out names, or spread them over several entries",
  ];
}
