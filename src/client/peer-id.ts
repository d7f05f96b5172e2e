import type { PeerCertificate } from "node:tls";
import { readCertificate } from "../domain/certificate/certificate.ts";
import { keyUsageBit } from "../domain/certificate/extensions.ts";
import { parseSpiffeId, pathOf, type SpiffeId, trustDomainOf } from "../domain/identity/spiffe-id.ts";
import { type Result, refused } from "../foundation/result.ts";

/** Who may be at the other end: one identity, several, or whoever the function lets pass. */
export type Authorize = string | readonly string[] | ((peer: SpiffeId) => boolean);

/**
 * The SPIFFE ID of a certificate that TLS has verified: exactly one URI name, of a leaf that may sign a handshake (X509-SVID §4,
 * §5.2), in the trust domain of `own`, whose bundle it was verified by (X509-SVID §5.1). Refuses with one sentence.
 */
export function peerIdOf(certificate: Pick<PeerCertificate, "raw">, own: SpiffeId): Result<SpiffeId, string> {
  // Without a certificate Node gives an object without one, too.
  if (certificate.raw === undefined) return refused("the peer has shown no certificate");
  const read = readCertificate(new Uint8Array(certificate.raw));
  if (!read.ok) return refused(`the peer's certificate cannot be read: ${read.error}`);
  const { basicConstraints, keyUsage = [], subjectAltName } = read.value.extensions;
  if (basicConstraints?.ca === true) return refused("the peer's certificate is an authority's");
  if (!keyUsage.includes(keyUsageBit.digitalSignature) || keyUsage.includes(keyUsageBit.keyCertSign))
    return refused("the peer's certificate is for another use");
  const [uri, ...more] = subjectAltName?.uris ?? [];
  if (uri === undefined || more.length > 0) return refused("the peer's certificate has not one URI name");
  const id = parseSpiffeId(uri);
  if (!id.ok) return id;
  if (trustDomainOf(id.value) !== trustDomainOf(own))
    return refused(`${id.value} is of another trust domain`);
  return pathOf(id.value) === "" ? refused(`${id.value} is a trust domain, and no peer`) : id;
}

const mayBe = (peer: SpiffeId, authorize: Authorize): boolean =>
  typeof authorize === "function" ? authorize(peer) : [authorize].flat().includes(peer);

/** Why a peer may not be here; undefined when it may. */
export function peerFlaw(
  certificate: Pick<PeerCertificate, "raw">,
  { own, authorize }: { readonly own: SpiffeId; readonly authorize: Authorize },
): Error | undefined {
  const peer = peerIdOf(certificate, own);
  if (!peer.ok) return new Error(peer.error);
  return mayBe(peer.value, authorize)
    ? undefined
    : new Error(`the peer is ${peer.value}, who may not be here`);
}
