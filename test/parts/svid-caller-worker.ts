/**
 * A workload: `node svid-caller-worker.ts SOCKET` watches its X.509-SVIDs and prints one line for each message, the ids in order,
 * or the code that a stream ended with, after which it calls again.
 */
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { X509SVIDResponse__Output } from "../../src/generated/X509SVIDResponse.ts";
import { SpiffeWorkloadApi } from "../../src/wire/workload-api.ts";

const [, , socket = ""] = process.argv;
const client = new SpiffeWorkloadApi(`unix:${socket}`, credentials.createInsecure());
const metadata = new Metadata();
metadata.set("workload.spiffe.io", "true");

const watch = (): Promise<number> =>
  new Promise((resolve) => {
    const call = client.FetchX509SVID({}, metadata);
    call.on("data", ({ svids }: X509SVIDResponse__Output) => {
      process.stdout.write(`${svids.map(({ spiffeId }) => spiffeId).join(" ")}\n`);
    });
    call.on("error", ({ code }: ServiceError) => resolve(code));
  });

for (;;) {
  process.stdout.write(`code ${await watch()}\n`);
  await pause(200);
}
