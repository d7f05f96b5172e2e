import { fileURLToPath } from "node:url";
import type { MessageTypeDefinition } from "@grpc/proto-loader";
import type {
  Secret,
  Secret__Output,
} from "../generated/envoy/extensions/transport_sockets/tls/v3/Secret.ts";
import type {
  SPIFFECertValidatorConfig,
  SPIFFECertValidatorConfig__Output,
} from "../generated/envoy/extensions/transport_sockets/tls/v3/SPIFFECertValidatorConfig.ts";
import type { ProtoGrpcType } from "../generated/sds.ts";
import { loadPackage, typed } from "./load-package.ts";

const envoyDeps = fileURLToPath(new URL("../../deps/", import.meta.resolve("@grpc/grpc-js-xds")));
const envoyDirs = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map(
  (dir) => `${envoyDeps}${dir}`,
);
const tls = "envoy/extensions/transport_sockets/tls/v3";

/** For the reflection service. At one go, because most of what these files import they have in common. */
export const sdsPackage = loadPackage(
  ["envoy/service/secret/v3/sds.proto", `${tls}/secret.proto`, `${tls}/tls_spiffe_validator_config.proto`],
  envoyDirs,
);

export const { SecretDiscoveryService } = typed<ProtoGrpcType>(sdsPackage).envoy.service.secret.v3;

const message = <Input, Output>(name: string): MessageTypeDefinition<Input, Output> =>
  sdsPackage[`${tls.replaceAll("/", ".")}.${name}`] as unknown as MessageTypeDefinition<Input, Output>;

/** What SDS carries inside `Any`: Envoy's secret, and the configuration of its SPIFFE validator inside that. */
export const TlsSecret = message<Secret, Secret__Output>("Secret");
export const SpiffeValidatorConfig = message<SPIFFECertValidatorConfig, SPIFFECertValidatorConfig__Output>(
  "SPIFFECertValidatorConfig",
);
