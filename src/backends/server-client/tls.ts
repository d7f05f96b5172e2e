import type { PeerCertificate } from "node:tls";
import { createSecureContext } from "node:tls";
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
import type { Der } from "../../domain/certificate/der.ts";
import { encodeCertificates, encodePem } from "../../domain/certificate/pem.ts";
import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";
import { pathFlaw } from "./unrevoked-path.ts";

export type ServerAddress = { readonly host: string; readonly port: number };

/** A gRPC target; IPv6 hosts stand in brackets. */
export const targetOf = ({ host, port }: ServerAddress): string =>
  `dns:${host.includes(":") ? `[${host}]` : host}:${port}`;

/** A dead server is noticed within 15 s although no byte flows; a returned one is found within 3 s. */
export const channelOptions: ChannelOptions = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 3000,
  // Node refuses an IP address as TLS server name; who the server is, its SPIFFE ID says.
  "grpc.ssl_target_name_override": "meshmint-server",
  "grpc.max_receive_message_length": 16 * 1024 * 1024,
};

type Trust = {
  readonly trustDomain: TrustDomain;
  readonly roots: readonly Der[];
  readonly lists: readonly Der[];
  readonly client?: X509Svid;
};

/**
 * TLS 1.3 to a server that has the trust domain's server identity under one of these roots. With revocation lists, a complete set as
 * bundles carry it, whoever holds the key of an authority that was taken away is not the server.
 */
export function verifiedTls(trust: Trust): ChannelCredentials {
  const { client, roots, lists } = trust;
  const context = createSecureContext({
    minVersion: "TLSv1.3",
    ca: roots.map((root) => encodeCertificates([root])),
    ...(client && {
      cert: encodeCertificates(client.chain),
      key: encodePem("PRIVATE KEY", client.privateKey),
    }),
  });
  const expected = `spiffe://${trust.trustDomain}/meshmint/server`;
  return credentials.createFromSecureContext(context, {
    checkServerIdentity: (_host, certificate) =>
      identityFlaw(certificate, expected) ??
      (lists.length > 0 ? revocationFlaw(certificate, trust) : undefined),
  });
}

function revocationFlaw(certificate: PeerCertificate, { roots, lists }: Trust): Error | undefined {
  const flaw = pathFlaw(certificate, { roots, lists, now: new Date() });
  return flaw === undefined ? undefined : new Error(`the server is not believed: ${flaw}`);
}

/** For the one question whose answer proves itself by a hash. */
export const unverifiedTls = (): ChannelCredentials =>
  credentials.createFromSecureContext(createSecureContext({ minVersion: "TLSv1.3" }), {
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });

/** Exactly one URI SAN, the expected one (X509-SVID §2, §5.2); host names say nothing here. */
function identityFlaw(certificate: PeerCertificate, expected: string): Error | undefined {
  const uris = (certificate.subjectaltname ?? "").split(", ").filter((name) => name.startsWith("URI:"));
  if (uris.length === 1 && uris[0] === `URI:${expected}`) return undefined;
  const found = uris.map((uri) => uri.slice("URI:".length)).join(", ");
  return new Error(`the server is ${found === "" ? "without a SPIFFE ID" : found}, not ${expected}`);
}
