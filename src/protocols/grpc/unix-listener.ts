import { chmod, chown, unlink } from "node:fs/promises";
import { createServer, connect as netConnect, type Socket } from "node:net";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { Fault } from "../../foundation/fault.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";
import { OpenCounts } from "./open-counts.ts";
import { formatUnixPeer } from "./unix-peer.ts";

const mostPerUser = 4096;

export type UnixListenerOptions = {
  readonly path: string;
  /** Permission bits of the socket, such as 0o660. */
  readonly mode: number;
  /** Group id that may connect; undefined leaves the process's own group. */
  readonly groupId?: number | undefined;
  /** Names the process behind a connection; throws when it cannot. */
  readonly readPeer: (socket: Socket) => ProcessIdentity;
  /** Whether this process may talk to us at all; a connection that may not is closed at once. */
  readonly admits: (peer: ProcessIdentity) => boolean;
  /** Connections that one user may have open; default 4096. Nobody takes every file descriptor that we have. */
  readonly mostPerUser?: number;
  /** Told of each connection that was closed at once, with the reason. */
  readonly onRefused: (reason: string) => void;
};

export type UnixListener = {
  /** Stops accepting, gives calls `graceMs` milliseconds to end, and removes the socket. */
  close(graceMs: number): Promise<void>;
};

/**
 * Serves gRPC on a Unix socket whose callers are known by kernel credentials (`parseUnixPeer(call.getPeer())`).
 * A socket left by a killed process is removed; one that another process answers on is refused with STORE_IN_USE.
 */
export async function listenOnUnixSocket(
  server: Server,
  options: UnixListenerOptions,
): Promise<UnixListener> {
  const { path } = options;
  if (Buffer.byteLength(path) > 107) {
    throw new Fault(
      "CONFIG_INVALID",
      `socket path ${path} is longer than 107 bytes (unix(7)); choose a shorter one`,
    );
  }
  await removeStaleSocket(path);
  const connections = new OpenCounts(options.mostPerUser ?? mostPerUser);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    const peer = identify(socket, options);
    const leave = peer.ok ? connections.enter(String(peer.value.uid)) : undefined;
    if (leave === undefined) {
      socket.destroy();
      options.onRefused(peer.ok ? `uid ${peer.value.uid} has too many connections open` : peer.error);
      return;
    }
    socket.once("close", leave);
    injector.injectConnection(socket);
  });
  await listen(listener, options);
  return {
    close: (graceMs) =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        injector.drain(graceMs);
        injector.destroy();
      }),
  };
}

/** Names the peer and marks the socket with it, or says why it is refused. */
function identify(socket: Socket, options: UnixListenerOptions): Result<ProcessIdentity, string> {
  try {
    const peer = options.readPeer(socket);
    if (!options.admits(peer)) {
      return refused(`uid ${peer.uid} (pid ${peer.pid}) may not connect to ${options.path}`);
    }
    Object.defineProperty(socket, "remoteAddress", { value: formatUnixPeer(peer) });
    return ok(peer);
  } catch (thrown) {
    return refused(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

async function listen(
  listener: ReturnType<typeof createServer>,
  options: UnixListenerOptions,
): Promise<void> {
  // Until chmod the umask decides who may connect: nobody but us.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      listener.once("error", (cause) =>
        reject(new Fault("CONFIG_INVALID", `cannot listen on ${options.path}: ${cause.message}`, { cause })),
      );
      listener.listen(options.path, resolve);
    });
  } finally {
    process.umask(umask);
  }
  if (options.groupId !== undefined) await chown(options.path, -1, options.groupId);
  await chmod(options.path, options.mode);
}

async function removeStaleSocket(path: string): Promise<void> {
  const outcome = await new Promise<string>((resolve) => {
    const probe = netConnect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve("answered");
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
  });
  if (outcome === "answered") {
    throw new Fault(
      "STORE_IN_USE",
      `another process serves ${path}; stop it first, or choose another socket path`,
    );
  }
  if (outcome === "ECONNREFUSED") await unlink(path);
}
