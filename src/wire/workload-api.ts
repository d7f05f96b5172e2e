import type { ProtoGrpcType } from "../generated/workload_api.ts";
import { loadPackage, ours, typed } from "./load-package.ts";

/** For the reflection service. */
export const workloadPackage = loadPackage("workload_api.proto", [ours]);

export const { SpiffeWorkloadAPI: SpiffeWorkloadApi } = typed<ProtoGrpcType>(workloadPackage);
