import {
  type ChannelCredentials,
  experimental,
  type ServerCredentials,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import type { SpiffeId } from "../domain/identity/spiffe-id.ts";
import { type Result, refused } from "../foundation/result.ts";
import { type Authorize, peerFlaw, peerIdOf } from "./peer-id.ts";
import type { WorkloadSvid } from "./workload-svid.ts";
import type { X509Source } from "./x509-source.ts";

type Provider = Parameters<typeof experimental.createCertificateProviderChannelCredentials>[0];
type CaListener = Parameters<Provider["addCaCertificateListener"]>[0];
type IdentityListener = Parameters<Provider["addIdentityCertificateListener"]>[0];

/** Gives grpc-js each new certificate and bundle. It has no place for revocation lists. */
class SourceProvider implements Provider {
  readonly #source: X509Source;
  readonly #stops = new Map<object, () => void>();

  constructor(source: X509Source) {
    this.#source = source;
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#follow(listener, ({ tls }) => listener({ caCertificate: Buffer.from([tls.ca].flat().join("")) }));
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#follow(listener, ({ tls: { cert, key } }) =>
      listener({ certificate: Buffer.from(String(cert)), privateKey: Buffer.from(String(key)) }),
    );
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#forget(listener);
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#forget(listener);
  }

  #follow(listener: object, tell: (svid: WorkloadSvid) => void): void {
    this.#forget(listener);
    this.#stops.set(listener, this.#source.onUpdate(tell));
    // grpc-js is told of what comes after this call alone: a server notes its own listener behind it.
    queueMicrotask(() => this.#stops.has(listener) && tell(this.#source.svid));
  }

  #forget(listener: object): void {
    this.#stops.get(listener)?.();
    this.#stops.delete(listener);
  }
}

/** Channel options beside `grpcChannelCredentials`: grpc-js would ask for an IP address as TLS server name, which Node refuses. */
export const grpcChannelOptions = { "grpc.ssl_target_name_override": "spiffe" } as const;

/** For a gRPC client whose servers are these: mutual TLS with the newest certificate on each connection. */
export function grpcChannelCredentials(source: X509Source, authorize: Authorize): ChannelCredentials {
  const provider = new SourceProvider(source);
  const checkServerIdentity = (_host: string, certificate: Parameters<typeof peerFlaw>[0]) =>
    peerFlaw(certificate, { own: source.svid.spiffeId, authorize });
  return experimental.createCertificateProviderChannelCredentials(provider, provider, {
    checkServerIdentity,
  });
}

/** For a gRPC server: clients of the own trust domain alone. Who calls says `grpcPeer`: a handler decides. */
export function grpcServerCredentials(source: X509Source): ServerCredentials {
  const provider = new SourceProvider(source);
  return experimental.createCertificateProviderServerCredentials(provider, provider, true);
}

/** The SPIFFE ID of whoever makes a call. Refuses with one sentence. */
export function grpcPeer(
  source: X509Source,
  call: Pick<ServerUnaryCall<unknown, unknown>, "getAuthContext">,
): Result<SpiffeId, string> {
  const { sslPeerCertificate } = call.getAuthContext();
  return sslPeerCertificate
    ? peerIdOf(sslPeerCertificate, source.svid.spiffeId)
    : refused("the caller has shown no certificate");
}
