/**
 * `node reused-pid-worker.ts SOCKET`, in a pid namespace of its own: a process connects and exits, another one gets its pid,
 * and only then the connection is looked at. Prints who it is said to be.
 */
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import process from "node:process";
import { readPeer } from "../../src/backends/peer-credentials/peer-credentials.ts";

const [, , path = ""] = process.argv;

function sayWho(socket: Socket): string {
  try {
    return JSON.stringify(readPeer(socket));
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

const accepted = Promise.withResolvers<Socket>();
const server = createServer((socket) => accepted.resolve(socket));
await new Promise<void>((resolve) => server.listen(path, resolve));
// The kernel takes the connection; this program sees it when its turn ends, not before.
const hitAndRun = `require("node:net").connect(${JSON.stringify(path)}, () => process.exit(0))`;
const { pid } = spawnSync(process.execPath, ["-e", hitAndRun]);
writeFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1)); // proc_sys_kernel(5)
const heir = spawn("sleep", ["60"], { stdio: "ignore" });
const socket = await accepted.promise;
process.stdout.write(`${heir.pid === pid ? "reused" : "not reused"}: ${sayWho(socket)}\n`);
heir.kill("SIGKILL");
process.exit(0);
