import type { ProtoGrpcType } from "../generated/admin_api.ts";
import { loadPackage, ours, typed } from "./load-package.ts";

/** For the reflection service. */
export const adminPackage = loadPackage("meshmint/v1/admin_api.proto", [ours]);

export const { AdminService } = typed<ProtoGrpcType>(adminPackage).meshmint.admin.v1;
