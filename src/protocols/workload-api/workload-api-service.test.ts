import { EventEmitter } from "node:events";
import { Metadata } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { workloadApiService } from "./workload-api-service.ts";

/** A call of one local process, as far as the service looks at it. */
class FakeCall extends EventEmitter {
  readonly metadata = new Metadata();
  failure: { code: number; details: string } | undefined;

  constructor() {
    super();
    this.metadata.set("workload.spiffe.io", "true");
    this.on("error", (error) => {
      this.failure = error;
    });
  }

  getPeer() {
    return "unix:pid=7,uid=1,gid=1,start=9";
  }
}

test("a process has so many streams open and no more; one that ends makes room", () => {
  const source = { open: () => new Promise<never>(() => undefined) };
  const { FetchX509Bundles } = workloadApiService({ source });
  const open = () => {
    const call = new FakeCall();
    FetchX509Bundles(call as unknown as Parameters<typeof FetchX509Bundles>[0]);
    return call;
  };
  const calls = Array.from({ length: 256 }, open);
  expect(open().failure).toMatchObject({ code: 8, details: expect.stringContaining("256") });
  calls[0]?.emit("cancelled");
  calls[0]?.emit("close");
  expect([open().failure, open().failure?.code]).toEqual([undefined, 8]);
  for (const call of calls) call.emit("cancelled");
});
