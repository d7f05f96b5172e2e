import { credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SecretDiscoveryService } from "../../../src/wire/sds-api.ts";
import { eachWithServer } from "./fixture.ts";
import { web } from "./material.ts";

const at = eachWithServer();

const raw = { requestSerialize: (bytes: Buffer) => bytes, responseDeserialize: (bytes: Buffer) => bytes };
const { StreamSecrets, DeltaSecrets } = SecretDiscoveryService.service;
const RawClient = makeGenericClientConstructor(
  { StreamSecrets: { ...StreamSecrets, ...raw }, DeltaSecrets: { ...DeltaSecrets, ...raw } },
  "raw",
);

/** A request that is right but for some bytes: cut, repeated, or turned into others. */
const damaged = fc
  .record({
    request: fc.constantFrom(
      StreamSecrets.requestSerialize({ node: { id: "proxy-1" }, resourceNames: [web] }),
      DeltaSecrets.requestSerialize({ node: { id: "proxy-1" }, initialResourceVersions: { [web]: "v" } }),
    ),
    cut: fc.nat(80),
    more: fc.uint8Array({ maxLength: 60 }),
  })
  .map(({ request, cut, more }) => Buffer.concat([request.subarray(0, request.length - cut), more]));

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some)),
  damaged,
);

test("whatever bytes come, at most their own stream ends", async () => {
  at.source.give(at.material.leaf(0));
  const client = new RawClient(`unix:${at.sds.path}`, credentials.createInsecure());
  const ends = (method: "StreamSecrets" | "DeltaSecrets", request: Buffer) =>
    new Promise<number>((resolve) => {
      const call = client.makeBidiStreamRequest(
        `/envoy.service.secret.v3.SecretDiscoveryService/${method}`,
        raw.requestSerialize,
        raw.responseDeserialize,
      );
      call.on("data", () => undefined);
      call.on("error", (error: ServiceError) => resolve(error.code));
      call.on("end", () => resolve(0));
      call.write(request);
      call.end();
    });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("StreamSecrets", "DeltaSecrets"), bytes, async (method, request) => {
      // OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, or grpc-js's word for what is no message
      expect([0, 3, 8, 13]).toContain(await ends(method, request));
    }),
    { numRuns: 300 },
  );
  client.close();
  const stream = at.client.sotw();
  stream.ask(web);
  await stream.next();
});
