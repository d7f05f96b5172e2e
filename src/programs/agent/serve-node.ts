import { Server } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { KnownCertificates } from "../../backends/node-crypto/known-certificates.ts";
import { readPeer } from "../../backends/peer-credentials/peer-credentials.ts";
import type { Metrics } from "../../backends/telemetry/metrics.ts";
import { systemClock } from "../../foundation/clock.ts";
import { toMs } from "../../foundation/duration.ts";
import { addStandardServices } from "../../protocols/grpc/standard-services.ts";
import { listenOnUnixSocket, type UnixListener } from "../../protocols/grpc/unix-listener.ts";
import { parseUnixPeer } from "../../protocols/grpc/unix-peer.ts";
import { preValidator } from "../../protocols/sds/pre-validate.ts";
import { sdsDefinition, sdsHandlers } from "../../protocols/sds/sds-service.ts";
import { workloadApiService } from "../../protocols/workload-api/workload-api-service.ts";
import { sdsPackage } from "../../wire/sds-api.ts";
import { SpiffeWorkloadApi, workloadPackage } from "../../wire/workload-api.ts";
import type { AgentConfig } from "./config.ts";
import type { LateSources } from "./late-sources.ts";
import { SdsTelemetry } from "./sds-telemetry.ts";

export type NodeDoor = {
  readonly listener: UnixListener;
  /** gRPC health of the whole socket. */
  readonly setServing: (isServing: boolean) => void;
};

export type NodeDoorDeps = {
  readonly sources: LateSources;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly certificates: KnownCertificates;
};

/** Serves SDS, the Workload API, health and reflection on the one socket of this node. */
export async function serveNode(config: AgentConfig, deps: NodeDoorDeps): Promise<NodeDoor> {
  const { sources, logger, metrics, certificates } = deps;
  const server = new Server({ "grpc.max_receive_message_length": 1024 * 1024 });
  const sds = sdsHandlers({
    source: sources.secrets,
    introduced: sources.introduced,
    callerOf: parseUnixPeer,
    clock: systemClock,
    observer: new SdsTelemetry(logger, metrics),
    inspect: preValidator(certificates),
  });
  server.addService(sdsDefinition, sds);
  const api = workloadApiService({ source: sources.identities, settleMs: toMs(config.workloadApi.settle) });
  server.addService(SpiffeWorkloadApi.service, api);
  const setServing = addStandardServices(server, [sdsPackage, workloadPackage]);
  const listener = await listenOnUnixSocket(server, {
    path: config.socket.path,
    mode: config.socket.mode,
    readPeer,
    admits: () => true,
    onRefused: (reason) => logger.warn({ reason }, "a local connection was closed at once"),
  });
  return { listener, setServing };
}
