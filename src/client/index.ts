// biome-ignore-all lint/performance/noBarrelFile: the entry of a package is one
/** `meshmint/client`: a Node program's own SPIFFE identity, from any SPIFFE Workload API. See docs/client.md. */
export {
  grpcChannelCredentials,
  grpcChannelOptions,
  grpcPeer,
  grpcServerCredentials,
} from "./grpc-credentials.ts";
export { type Authorize, peerIdOf } from "./peer-id.ts";
export type { WorkloadSvid } from "./workload-svid.ts";
export { X509Source, type X509SourceOptions } from "./x509-source.ts";
