import { fileURLToPath } from "node:url";
import { type GrpcObject, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";

/** The same options that `npm run generate` gives proto-loader-gen-types: types and run time must agree. */
const loaderOptions = { longs: String, enums: String, defaults: true, oneofs: true } as const;

/** Where this project's own protos lie. */
export const ours = fileURLToPath(new URL("../../proto", import.meta.url));

/**
 * Message names and numbers of these proto files, as reflection takes them. To read a package takes up to a fifth of a second,
 * each file that it imports with it: each protocol has a module of its own, so that a program reads what it speaks.
 */
export const loadPackage = (files: string | string[], includeDirs: string[]): PackageDefinition =>
  loadSync(files, { ...loaderOptions, includeDirs });

export const typed = <T>(definition: PackageDefinition): T =>
  loadPackageDefinition(definition) as GrpcObject as unknown as T;
