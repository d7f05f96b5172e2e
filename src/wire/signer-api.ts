import type { ProtoGrpcType } from "../generated/signer_api.ts";
import { loadPackage, ours, typed } from "./load-package.ts";

const definition = loadPackage("meshmint/v1/signer_api.proto", [ours]);

export const { SignerService } = typed<ProtoGrpcType>(definition).meshmint.signer.v1;
