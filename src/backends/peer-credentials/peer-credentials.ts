import { closeSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import koffi from "koffi";
import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { Fault } from "../../foundation/fault.ts";

const SOL_SOCKET = 1; // Linux asm-generic/socket.h
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77; // Linux 6.5
const ENOPROTOOPT = 92;
const ucredBytes = 12; // struct ucred: pid, uid, gid, 32 bits each (unix(7))

const libc = koffi.load("libc.so.6");
const getsockopt = libc.func(
  "int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)",
);

/**
 * Who connected to this Unix socket, as the kernel recorded it at connect(2). The start time is read at the same moment,
 * so that a pid which is reused later is not taken for the process that connected.
 * Throws PERMISSION_DENIED when the kernel names nobody, or when the process has already gone.
 */
export function readPeer(socket: Socket): ProcessIdentity {
  const value = Buffer.alloc(ucredBytes);
  const fd = descriptorOf(socket);
  if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, [ucredBytes]) !== 0) {
    throw new Fault("PERMISSION_DENIED", "the kernel gives no peer credentials for this connection");
  }
  const pid = value.readInt32LE(0);
  const startTime = startTimeOf(pid);
  if (!stillNames(fd, pid)) throw new Fault("PERMISSION_DENIED", gone(pid));
  return { pid, uid: value.readUInt32LE(4), gid: value.readUInt32LE(8), startTime };
}

/**
 * Between connect(2) and here the process may have gone and its pid be another's: the start time just read was that one's.
 * The kernel hands out a pidfd of the process that connected, which names a pid only while that is its own. Kernels before
 * 6.5 have none, and are believed.
 */
function stillNames(fd: number, pid: number): boolean {
  const value = Buffer.alloc(4);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, value, [value.length]) !== 0) {
    return koffi.errno() === ENOPROTOOPT;
  }
  const pidfd = value.readInt32LE(0);
  try {
    const text = readFileSync(`/proc/self/fdinfo/${pidfd}`, "latin1"); // "Pid:" is -1 once it is reaped
    return Number(/^Pid:\t(-?\d+)$/m.exec(text)?.[1]) === pid;
  } finally {
    closeSync(pidfd);
  }
}

const gone = (pid: number): string => `process ${pid} has gone before it could be identified`;

/** node:net does not publish the descriptor; its handle does. A closed socket has none. */
function descriptorOf(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { fd?: number } })._handle;
  return handle?.fd ?? -1;
}

/** Field 22 of /proc/PID/stat, counted behind the last ")" since the program's name may hold anything (proc(5)). */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    if (startTime !== undefined && /^\d+$/.test(startTime)) return startTime;
  } catch (cause) {
    throw new Fault("PERMISSION_DENIED", gone(pid), { cause });
  }
  throw new Fault("PERMISSION_DENIED", `/proc/${pid}/stat names no start time`);
}
