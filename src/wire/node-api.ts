import type { ProtoGrpcType } from "../generated/node_api.ts";
import { loadPackage, ours, typed } from "./load-package.ts";

/** For the reflection service. */
export const nodePackage = loadPackage("meshmint/v1/node_api.proto", [ours]);

export const { AttestationService, NodeService } = typed<ProtoGrpcType>(nodePackage).meshmint.node.v1;
