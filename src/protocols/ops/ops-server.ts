import { type FastifyInstance, fastify } from "fastify";
import { Fault } from "../../foundation/fault.ts";

/** What the ops endpoint asks of its program. */
export interface OpsSource {
  /** Prometheus text exposition. */
  metrics(): Promise<string>;
  /** Why the program cannot serve now, one sentence each; empty when it can. */
  notReady(): readonly string[];
}

export type OpsServer = { readonly port: number; close(): Promise<void> };

/**
 * HTTP for operators and orchestrators: `/live` (the event loop turns), `/ready` (503 with the reasons while it cannot
 * serve) and `/metrics`. Port 0 takes a free one.
 */
export async function serveOps(source: OpsSource, at: { host: string; port: number }): Promise<OpsServer> {
  const app: FastifyInstance = fastify({ bodyLimit: 1024, requestTimeout: 10_000, logger: false });
  app.get("/live", async () => ({ live: true }));
  app.get("/ready", async (_request, reply) => {
    const reasons = source.notReady();
    return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.type("text/plain; version=0.0.4").send(await source.metrics()),
  );
  try {
    await app.listen({ ...at }); // fastify writes into what it is given, and a configuration is frozen
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Fault(
      "CONFIG_INVALID",
      `cannot serve ops on ${at.host}:${at.port}: ${reason}; choose another port`,
      { cause },
    );
  }
  const address = app.server.address();
  if (address === null || typeof address === "string")
    throw new Fault("INTERNAL", "the ops listener has no port");
  return { port: address.port, close: () => app.close() };
}
