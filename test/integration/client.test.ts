/** `meshmint/client` as programs use it: against a real agent, between Node, gRPC and Envoy, through renewals and an agent's absence. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestOptions, request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { makeGenericClientConstructor, Server, type ServiceError, type sendUnaryData } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect } from "vitest";
import {
  grpcChannelCredentials,
  grpcChannelOptions,
  grpcPeer,
  grpcServerCredentials,
  X509Source,
} from "../../src/client/index.ts";
import type { Fault } from "../../src/foundation/fault.ts";
import { type EnvoyPair, startEnvoyPair } from "../parts/envoy-pair.ts";
import { eventually } from "../parts/eventually.ts";
import { agentId } from "../parts/mesh.ts";
import { needs, projectRoot } from "../parts/parts.ts";

const test = needs("softhsm", "envoy");
const [web, api, brief] = ["web", "api", "brief"].map((name) => `spiffe://mesh.example/${name}`) as [
  string,
  string,
  string,
];
const troubles: Fault[] = [];
let pair: EnvoyPair;
let sources: { readonly web: X509Source; readonly api: X509Source; readonly brief: X509Source };

const open = (id: string) =>
  X509Source.open({
    endpoint: `unix://${pair.mesh.agentSocket}`,
    choose: (svids) => svids.find(({ spiffeId }) => spiffeId === id),
    onTrouble: (trouble) => void troubles.push(trouble),
  });

beforeAll(async () => {
  pair = await startEnvoyPair();
  const who = ["--parent", agentId, "--selector", `unix:uid:${process.getuid?.()}`];
  pair.mesh.cli("entry", "create", ...who, "--spiffe-id", brief, "--ttl", "20s");
  sources = { web: await open(web), api: await open(api), brief: await open(brief) };
}, 120_000);
afterAll(async () => {
  for (const source of Object.values(sources ?? {})) source.close();
  await pair?.stop();
});

/** A server that says who asks, and the serial that it shows now. */
async function raise(source: X509Source, authorize: string) {
  const server = createServer(source.serverOptions(), (_, response) => response.end("hello"));
  source.serve(server, authorize).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function ask(options: RequestOptions): Promise<{ body: string; serial: string }> {
  const call = request({ host: "127.0.0.1", path: "/", ...options }).end();
  const [response] = await once(call, "response");
  const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
  return { body: await text(response), serial };
}

test("mutual TLS between two programs: each lets in whom it names, and nobody else", async () => {
  const server = await raise(sources.api, web);
  try {
    const { port } = server;
    const as = (source: X509Source, whom: string) => ask({ port, agent: source.agent(whom) });
    expect((await as(sources.web, api)).body).toBe("hello");
    await expect(as(sources.web, brief)).rejects.toThrow(`the peer is ${api}, who may not be here`);
    await expect(as(sources.brief, api)).rejects.toMatchObject({ code: "ECONNRESET" });
    await expect(ask({ port, rejectUnauthorized: false })).rejects.toMatchObject({
      code: /ERR_SSL_|ECONNRESET/,
    });
  } finally {
    server.close();
  }
});

test("a server and a client go on through renewals and while the agent is away, each new connection with the newest certificate", async () => {
  const server = await raise(sources.brief, web);
  try {
    const agent = sources.web.agent(brief);
    const serials = new Set<string>();
    let isAway = false;
    await eventually(
      "a third certificate",
      async () => {
        serials.add((await ask({ port: server.port, agent, headers: { connection: "close" } })).serial);
        if (serials.size === 2 && !isAway) {
          isAway = true;
          await pair.mesh.agent.kill();
          await eventually("the trouble", () => troubles.some(({ code }) => code === "SERVER_UNAVAILABLE"));
          await ask({ port: server.port, agent, headers: { connection: "close" } });
          await pair.mesh.agent.start();
        }
        return serials.size >= 3;
      },
      90_000,
    );
    expect(serials).toContain(sources.brief.svid.certificates[0].serialNumber);
  } finally {
    server.close();
  }
}, 120_000);

const bytes = (buffer: Buffer) => buffer;
const who = {
  path: "/test.Who/Ask",
  ...{ requestStream: false, responseStream: false, requestSerialize: bytes, requestDeserialize: bytes },
  ...{ responseSerialize: bytes, responseDeserialize: bytes },
} as const;

test("gRPC: the server learns who calls, and a client calls nobody but whom it names", async () => {
  const server = new Server();
  server.addService(
    { who },
    {
      who(call: Parameters<typeof grpcPeer>[1], done: sendUnaryData<Buffer>) {
        const peer = grpcPeer(sources.api, call);
        done(null, Buffer.from(peer.ok ? peer.value : peer.error));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpcServerCredentials(sources.api), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const Client = makeGenericClientConstructor({ who }, "");
  const call = (source: X509Source, whom: string) => {
    const client = new Client(
      `127.0.0.1:${port}`,
      grpcChannelCredentials(source, whom),
      grpcChannelOptions,
    ) as unknown as {
      who(request: Buffer, done: (error: ServiceError | null, answer?: Buffer) => void): void;
      close(): void;
    };
    return new Promise<string>((resolve, reject) =>
      client.who(Buffer.alloc(0), (error, answer) => (error ? reject(error) : resolve(String(answer)))),
    ).finally(() => client.close());
  };
  try {
    expect(await call(sources.web, api)).toBe(web);
    await expect(call(sources.web, brief)).rejects.toThrow(/may not be here/);
  } finally {
    server.forceShutdown();
  }
});

test("an Envoy takes a Node program for what it is", async () => {
  const port = await pair.api.port("inbound");
  expect((await ask({ port, agent: sources.web.agent(api) })).body).toBe("hello from api\n");
  await expect(ask({ port, agent: sources.web.agent(web) })).rejects.toThrow(/may not be here/);
});

test("the example answers whom it is meant for", async () => {
  const argv = ["--conditions=meshmint-source", join(projectRoot, "examples/hello-server.ts")];
  const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: `unix://${pair.mesh.agentSocket}` };
  const example = spawn(process.execPath, argv, { env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [port] = await once(createInterface(example.stdout), "line");
    const { svid } = sources.web;
    const answer = await ask({ port: Number(port), agent: sources.web.agent(() => true) });
    expect(answer.body).toMatch(/^hello from spiffe:\/\/mesh\.example\/\w+\n$/);
    expect(svid.spiffeId).toBe(web);
  } finally {
    example.kill();
    await once(example, "exit");
  }
});
