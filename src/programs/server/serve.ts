import { Server } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { readPeer } from "../../backends/peer-credentials/peer-credentials.ts";
import { Fault } from "../../foundation/fault.ts";
import type { AdminServiceHandlers } from "../../generated/meshmint/admin/v1/AdminService.ts";
import { addStandardServices } from "../../protocols/grpc/standard-services.ts";
import type { TlsServerCredentials } from "../../protocols/grpc/tls-server-credentials.ts";
import { listenOnUnixSocket, type UnixListener } from "../../protocols/grpc/unix-listener.ts";
import { attestationService } from "../../protocols/node/attestation-service.ts";
import { nodeService } from "../../protocols/node/node-service.ts";
import { AdminService, adminPackage } from "../../wire/admin-api.ts";
import { AttestationService, NodeService, nodePackage } from "../../wire/node-api.ts";
import type { ServerConfig } from "./config.ts";

const serverOptions = {
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  // An agent that vanished without a word is noticed, and its streams ended.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
} as const;

export type AgentDoor = {
  readonly port: number;
  readonly setServing: (isServing: boolean) => void;
  close(graceMs: number): Promise<void>;
};

type AgentServices = {
  readonly attestation: Parameters<typeof attestationService>[0];
  readonly node: Parameters<typeof nodeService>[0];
  readonly admin: AdminServiceHandlers;
};

/**
 * gRPC over TLS 1.3 for agents and remote admins. Without a client certificate only attestation answers, and what says
 * nothing of this trust domain: health and reflection.
 */
export async function serveAgents(
  listen: ServerConfig["listen"],
  tls: TlsServerCredentials,
  services: AgentServices,
): Promise<AgentDoor> {
  const server = new Server(serverOptions);
  server.addService(AttestationService.service, attestationService(services.attestation));
  server.addService(NodeService.service, nodeService(services.node));
  server.addService(AdminService.service, services.admin);
  const setServing = addStandardServices(server, [nodePackage, adminPackage]);
  const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`${host}:${listen.port}`, tls, (cause, bound) => {
      if (!cause) return resolve(bound);
      const sentence = `cannot listen on ${host}:${listen.port}: ${cause.message}; choose another address`;
      reject(new Fault("CONFIG_INVALID", sentence, { cause }));
    }),
  );
  return { port, setServing, close: (graceMs) => shutDown(server, graceMs) };
}

/** The admin API on its Unix socket; who may connect, kernel credentials say. */
export async function serveAdmins(
  { admin }: ServerConfig,
  handlers: AdminServiceHandlers,
  logger: Logger,
): Promise<UnixListener> {
  const server = new Server(serverOptions);
  server.addService(AdminService.service, handlers);
  addStandardServices(server, [adminPackage])(true);
  const allowed = new Set([0, process.getuid?.() ?? 0, ...admin.allowedUids]);
  return await listenOnUnixSocket(server, {
    path: admin.socket,
    mode: admin.mode,
    groupId: admin.groupId,
    readPeer,
    admits: (peer) => allowed.has(peer.uid),
    onRefused: (reason) => logger.warn({ reason }, "an admin connection was closed at once"),
  });
}

/** Calls under way may end; streams that never do are cut off. */
const shutDown = (server: Server, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const cut = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
