import type { Server } from "@grpc/grpc-js";
import type { PackageDefinition } from "@grpc/proto-loader";
import { HealthImplementation } from "grpc-health-check";
import { addReflection } from "./reflection.ts";

/** Adds gRPC health and reflection; the returned function says whether the program can serve now (health of ""). */
export function addStandardServices(
  server: Server,
  packages: readonly PackageDefinition[],
): (isServing: boolean) => void {
  const health = new HealthImplementation({ "": "NOT_SERVING" });
  health.addToServer(server);
  addReflection(server, packages);
  return (isServing) => health.setStatus("", isServing ? "SERVING" : "NOT_SERVING");
}
