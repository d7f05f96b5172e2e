import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server } from "@grpc/grpc-js";
import { readPeer } from "../../src/backends/peer-credentials/peer-credentials.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { listenOnUnixSocket } from "../../src/protocols/grpc/unix-listener.ts";
import { parseUnixPeer } from "../../src/protocols/grpc/unix-peer.ts";
import type { SdsEvent } from "../../src/protocols/sds/sds-observer.ts";
import { type SdsDeps, sdsDefinition, sdsHandlers } from "../../src/protocols/sds/sds-service.ts";

export type SdsServer = {
  readonly path: string;
  readonly events: readonly SdsEvent[];
  close(): Promise<void>;
  /** Ends as a killed agent does, with all that it remembered, and starts anew on the same socket after `meanwhile`. */
  restart(meanwhile?: () => void): Promise<void>;
};

/** The SDS service alone, on a Unix socket of its own, over a source that the test brings. */
export async function startSds(
  deps: Pick<SdsDeps, "source"> & Partial<Pick<SdsDeps, "patience" | "inspect" | "callerOf">>,
): Promise<SdsServer> {
  const folder = await mkdtemp(join(tmpdir(), "meshmint-sds-"));
  const path = join(folder, "agent.sock");
  const events: SdsEvent[] = [];
  const observer = { saw: (event: SdsEvent) => void events.push(event) };
  const start = () => listenAt(path, { callerOf: parseUnixPeer, clock: systemClock, observer, ...deps });
  let stop = await start();
  return {
    path,
    events,
    restart: async (meanwhile) => {
      await stop();
      meanwhile?.();
      stop = await start();
    },
    close: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listenAt(path: string, deps: SdsDeps): Promise<() => Promise<void>> {
  const server = new Server();
  server.addService(sdsDefinition, sdsHandlers(deps));
  const listener = await listenOnUnixSocket(server, {
    path,
    mode: 0o666,
    readPeer,
    admits: () => true,
    onRefused: () => undefined,
  });
  return async () => {
    await listener.close(0);
    server.forceShutdown();
  };
}
