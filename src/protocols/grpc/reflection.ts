import type { Server } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
// The package's door gives only the finished service; what must be mended is inside.
import {
  ReflectionError,
  ReflectionV1Implementation,
} from "@grpc/reflection/build/src/implementations/reflection-v1.js";
import { ReflectionV1AlphaImplementation } from "@grpc/reflection/build/src/implementations/reflection-v1alpha.js";
import { protoPath as healthProto } from "grpc-health-check";
import { fileDescriptors } from "./file-descriptors.ts";

/**
 * Serves gRPC reflection, both of its versions, for these packages and for gRPC health. @grpc/reflection 1.0.4 files what
 * stands in no package (the Workload API's service) under a name that begins with a dot, which no client asks for.
 */
export function addReflection(server: Server, packages: readonly PackageDefinition[]): void {
  const fileDescriptorProtos = fileDescriptors([...packages, loadSync(healthProto)]);
  const all = { all: { fileDescriptorProtos } } as unknown as PackageDefinition;
  new ReflectionV1(all).addToServer(server);
  new ReflectionV1Alpha(all).addToServer(server);
}

class ReflectionV1 extends ReflectionV1Implementation {
  override listServices(asked: string) {
    return withoutDots(super.listServices(asked));
  }

  override fileContainingSymbol(symbol: string) {
    return ofEither(symbol, (name) => super.fileContainingSymbol(name));
  }
}

class ReflectionV1Alpha extends ReflectionV1AlphaImplementation {
  override listServices(asked: string) {
    return withoutDots(super.listServices(asked));
  }

  override fileContainingSymbol(symbol: string) {
    return ofEither(symbol, (name) => super.fileContainingSymbol(name));
  }
}

const withoutDots = ({ service }: ReturnType<ReflectionV1Implementation["listServices"]>) => ({
  service: service.map(({ name }) => ({ name: name.replace(/^\./, "") })),
});

function ofEither<Found>(symbol: string, find: (name: string) => Found): Found {
  try {
    return find(symbol);
  } catch (thrown) {
    if (!(thrown instanceof ReflectionError) || symbol.startsWith(".")) throw thrown;
    try {
      return find(`.${symbol}`);
    } catch {
      throw thrown; // in the caller's words
    }
  }
}
