import { fileURLToPath } from "node:url";
import { type GrpcObject, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from "@grpc/proto-loader";
import type { ProtoGrpcType as AdminTypes } from "../generated/admin_api.ts";
import type {
  Secret,
  Secret__Output,
} from "../generated/envoy/extensions/transport_sockets/tls/v3/Secret.ts";
import type {
  SPIFFECertValidatorConfig,
  SPIFFECertValidatorConfig__Output,
} from "../generated/envoy/extensions/transport_sockets/tls/v3/SPIFFECertValidatorConfig.ts";
import type { ProtoGrpcType as NodeTypes } from "../generated/node_api.ts";
import type { ProtoGrpcType as SdsTypes } from "../generated/sds.ts";
import type { ProtoGrpcType as SignerTypes } from "../generated/signer_api.ts";
import type { ProtoGrpcType as WorkloadTypes } from "../generated/workload_api.ts";

/** The same options that `npm run generate` gives proto-loader-gen-types: types and run time must agree. */
const loaderOptions = { longs: String, enums: String, defaults: true, oneofs: true } as const;

const ours = fileURLToPath(new URL("../../proto", import.meta.url));
const envoyDeps = fileURLToPath(new URL("../../deps/", import.meta.resolve("@grpc/grpc-js-xds")));
const envoyDirs = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map(
  (dir) => `${envoyDeps}${dir}`,
);

const load = (file: string, includeDirs: string[]): PackageDefinition =>
  loadSync(file, { ...loaderOptions, includeDirs });

const typed = <T>(definition: PackageDefinition): T =>
  loadPackageDefinition(definition) as GrpcObject as unknown as T;

/** Message names and numbers for the reflection service, beside the typed services. */
export const packages = {
  signer: load("meshmint/v1/signer_api.proto", [ours]),
  node: load("meshmint/v1/node_api.proto", [ours]),
  admin: load("meshmint/v1/admin_api.proto", [ours]),
  workload: load("workload_api.proto", [ours]),
  sds: load("envoy/service/secret/v3/sds.proto", envoyDirs),
} as const;

const signer = typed<SignerTypes>(packages.signer).meshmint.signer.v1;
const node = typed<NodeTypes>(packages.node).meshmint.node.v1;
const admin = typed<AdminTypes>(packages.admin).meshmint.admin.v1;

export const SignerService = signer.SignerService;
export const AttestationService = node.AttestationService;
export const NodeService = node.NodeService;
export const AdminService = admin.AdminService;
export const SpiffeWorkloadApi = typed<WorkloadTypes>(packages.workload).SpiffeWorkloadAPI;
export const SecretDiscoveryService = typed<SdsTypes>(packages.sds).envoy.service.secret.v3
  .SecretDiscoveryService;

const tls = "envoy/extensions/transport_sockets/tls/v3";
const message = <Input, Output>(file: string, name: string): MessageTypeDefinition<Input, Output> =>
  load(`${tls}/${file}`, envoyDirs)[
    `${tls.replaceAll("/", ".")}.${name}`
  ] as unknown as MessageTypeDefinition<Input, Output>;

/** What SDS carries inside `Any`: Envoy's secret, and the configuration of its SPIFFE validator inside that. */
export const TlsSecret = message<Secret, Secret__Output>("secret.proto", "Secret");
export const SpiffeValidatorConfig = message<SPIFFECertValidatorConfig, SPIFFECertValidatorConfig__Output>(
  "tls_spiffe_validator_config.proto",
  "SPIFFECertValidatorConfig",
);
