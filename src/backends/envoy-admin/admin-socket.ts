import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import type { InspectedProxy } from "../../agent/inspection/proxy-admin.ts";
import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";

/** open(2): a handle that names the file and opens nothing; node:fs does not publish it. The same on x64 and arm64. */
const O_PATH = 0o10000000;
const longestPath = 107; // unix(7): Envoy itself listens on no longer one

export class AdminUnusable extends Error {}

/**
 * Connects to the admin socket that a process names, as it sees its files (it may be in a container). The file must be a socket
 * of the process's own user, reached through no link at its end, and whoever listens must be the very process (pid and start
 * time): what a process names may be anybody's, and the agent has more rights than it. Rejects with AdminUnusable.
 */
export async function connectAdmin(
  { process, adminSocket }: InspectedProxy,
  readPeer: (socket: Socket) => ProcessIdentity,
  signal: AbortSignal,
): Promise<Socket> {
  if (adminSocket.length > longestPath || !/^(\/[\x20-\x2e\x30-\x7e]+)+$/.test(adminSocket)) {
    throw new AdminUnusable("node.metadata: meshmint.admin is not the absolute path of a Unix socket");
  }
  const file = await openSocketFile(process, adminSocket);
  try {
    const { uid } = await checkIsSocket(file, adminSocket);
    if (uid !== process.uid) {
      throw new AdminUnusable(`${adminSocket} belongs to uid ${uid}, the process to uid ${process.uid}`);
    }
    // By the handle, so that nobody swaps the file in between; and however long the path is, this one is short (unix(7)).
    const socket = await connected(`/proc/self/fd/${file.fd}`, adminSocket, signal);
    return checkPeer(socket, readPeer, process);
  } finally {
    await file.close();
  }
}

/** Another user's /proc/PID/root needs CAP_SYS_PTRACE; without it the path is tried as we see it, under the same checks. */
async function openSocketFile({ pid }: ProcessIdentity, path: string): Promise<FileHandle> {
  const flags = O_PATH | constants.O_NOFOLLOW;
  try {
    return await open(`/proc/${pid}/root${path}`, flags);
  } catch (first) {
    if (codeOf(first) !== "EACCES") throw new AdminUnusable(`${path} cannot be opened: ${codeOf(first)}`);
  }
  try {
    return await open(path, flags);
  } catch (thrown) {
    throw new AdminUnusable(`${path} cannot be opened: ${codeOf(thrown)}`);
  }
}

async function checkIsSocket(file: FileHandle, path: string): Promise<{ readonly uid: number }> {
  const stat = await file.stat();
  if (!stat.isSocket()) throw new AdminUnusable(`${path} is not a Unix socket`);
  return stat;
}

function connected(address: string, path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: address, signal });
    socket.once("connect", () => resolve(socket));
    socket.once("error", (cause) =>
      reject(new AdminUnusable(`${path} takes no connection: ${codeOf(cause)}`)),
    );
  });
}

function checkPeer(
  socket: Socket,
  readPeer: (socket: Socket) => ProcessIdentity,
  wanted: ProcessIdentity,
): Socket {
  try {
    const peer = readPeer(socket);
    if (peer.pid === wanted.pid && peer.startTime === wanted.startTime) return socket;
    throw new AdminUnusable(`process ${peer.pid} listens on it, not the proxy's process ${wanted.pid}`);
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  }
}

const codeOf = (thrown: unknown): string =>
  (thrown as NodeJS.ErrnoException).code ?? (thrown instanceof Error ? thrown.message : String(thrown));
