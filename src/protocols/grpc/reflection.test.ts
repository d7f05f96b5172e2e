import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sdsPackage } from "../../wire/sds-api.ts";
import { workloadPackage } from "../../wire/workload-api.ts";
import { addStandardServices } from "./standard-services.ts";

type Answer = {
  listServicesResponse?: { service: { name: string }[] };
  fileDescriptorResponse?: { fileDescriptorProto: Buffer[] };
  errorResponse?: { errorMessage: string };
};
const protos = join(
  dirname(fileURLToPath(import.meta.resolve("@grpc/reflection"))),
  "../proto/grpc/reflection",
);
let folder: string;
let address: string;
let server: Server;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-reflection-"));
  address = `unix:${join(folder, "s")}`;
  server = new Server();
  addStandardServices(server, [sdsPackage, workloadPackage]);
  await new Promise((resolve) => server.bindAsync(address, ServerCredentials.createInsecure(), resolve));
});
afterEach(() => {
  server.forceShutdown();
  rmSync(folder, { recursive: true });
});

async function ask(version: string, request: object): Promise<Answer> {
  const loaded = loadPackageDefinition(loadSync(join(protos, version, "reflection.proto")));
  const { ServerReflection } = ((loaded.grpc as GrpcObject).reflection as GrpcObject)[version] as GrpcObject;
  const client = new (ServerReflection as unknown as new (...argv: unknown[]) => Client)(
    address,
    credentials.createInsecure(),
  );
  const { ServerReflectionInfo: info } = client as unknown as {
    ServerReflectionInfo(): import("@grpc/grpc-js").ClientDuplexStream<object, Answer>;
  };
  const call = info.call(client);
  try {
    return await new Promise((resolve, reject) => {
      call.on("data", resolve).on("error", reject);
      call.write(request);
    });
  } finally {
    call.end();
    client.close();
  }
}

test.each(["v1", "v1alpha"])("%s: services are listed by the names that calls use", async (version) => {
  const { listServicesResponse } = await ask(version, { listServices: "*" });
  expect(listServicesResponse?.service.map(({ name }) => name).sort()).toEqual([
    "SpiffeWorkloadAPI",
    "envoy.service.secret.v3.SecretDiscoveryService",
    "grpc.health.v1.Health",
  ]);
});

test.each(["SpiffeWorkloadAPI", "X509SVIDRequest", "grpc.health.v1.Health"])(
  "%s is described",
  async (fileContainingSymbol) => {
    for (const version of ["v1", "v1alpha"]) {
      const { fileDescriptorResponse } = await ask(version, { fileContainingSymbol });
      expect(fileDescriptorResponse?.fileDescriptorProto.length).toBeGreaterThan(0);
    }
  },
);

test("what is not there is refused in the caller's words", async () => {
  const { errorResponse } = await ask("v1", { fileContainingSymbol: "Nothing" });
  expect(errorResponse?.errorMessage).toBe("Symbol not found: Nothing");
});
