import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, makeGenericClientConstructor, Server } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readPeer } from "../../src/backends/peer-credentials/peer-credentials.ts";
import { unary } from "../../src/protocols/grpc/unary.ts";
import { listenOnUnixSocket } from "../../src/protocols/grpc/unix-listener.ts";
import { parseUnixPeer } from "../../src/protocols/grpc/unix-peer.ts";
import { projectRoot } from "../parts/parts.ts";

const text = {
  requestSerialize: (value: string) => Buffer.from(value),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (value: string) => Buffer.from(value),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
};
const whoService = { who: { path: "/test/who", requestStream: false, responseStream: false, ...text } };
const WhoClient = makeGenericClientConstructor(whoService, "test");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshmint-listener-"));
});
afterEach(() => rm(folder, { recursive: true }));

function whoServer(): Server {
  const server = new Server();
  server.addService(whoService, { who: unary<string, string>(async (call) => call.getPeer()) });
  return server;
}

const options = (path: string, admits = true) => ({
  path,
  mode: 0o660,
  readPeer,
  admits: () => admits,
  onRefused: () => undefined,
});

function ask(path: string): Promise<string> {
  const client = new WhoClient(`unix:${path}`, credentials.createInsecure());
  return new Promise<string>((resolve, reject) => {
    client.who?.("who am I", (error: Error | null, answer: string) =>
      error ? reject(error) : resolve(answer),
    );
  }).finally(() => client.close());
}

test("a caller is known by pid, uid, gid and start time, and the socket has its mode and goes away", async () => {
  const path = join(folder, "who.sock");
  const listener = await listenOnUnixSocket(whoServer(), options(path));
  const peer = parseUnixPeer(await ask(path));
  expect(peer).toMatchObject({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  expect((await stat(path)).mode & 0o777).toBe(0o660);
  await listener.close(0);
  expect(await readdir(folder)).toEqual([]);
});

test("a process that may not connect gets no answer", async () => {
  const path = join(folder, "closed.sock");
  const listener = await listenOnUnixSocket(whoServer(), options(path, false));
  await expect(ask(path)).rejects.toMatchObject({ code: 14 });
  await listener.close(0);
});

test("a user has so many connections open and no more; one that ends makes room", async () => {
  const path = join(folder, "full.sock");
  const refusals: string[] = [];
  const listener = await listenOnUnixSocket(whoServer(), {
    ...options(path),
    mostPerUser: 2,
    onRefused: (reason) => refusals.push(reason),
  });
  const [first, second] = [connect(path), connect(path)];
  await Promise.all([once(first, "connect"), once(second, "connect")]);
  await expect(ask(path)).rejects.toMatchObject({ code: 14 });
  expect(refusals[0]).toMatch(/too many connections/);
  first.destroy();
  await expect.poll(() => ask(path).catch(() => "")).toMatch(/^unix:pid=/);
  second.destroy();
  await listener.close(0);
});

test("a socket left by a killed process is taken over; a living one is not", async () => {
  const path = join(folder, "stale.sock");
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`;
  const left = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => left.stdout.once("data", resolve));
  await expect(listenOnUnixSocket(whoServer(), options(path))).rejects.toMatchObject({
    code: "STORE_IN_USE",
  });
  left.kill("SIGKILL");
  await new Promise((resolve) => left.once("exit", resolve));
  const listener = await listenOnUnixSocket(whoServer(), options(path));
  expect(parseUnixPeer(await ask(path))?.pid).toBe(process.pid);
  await listener.close(0);
});

test("a path that the kernel would cut short is refused by name", async () => {
  await expect(listenOnUnixSocket(whoServer(), options(join(folder, "x".repeat(120))))).rejects.toMatchObject(
    {
      code: "CONFIG_INVALID",
    },
  );
});

const hasNamespaces = spawnSync("/usr/bin/unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0;

test.skipIf(!hasNamespaces)("WL1: a caller that has gone is not taken for whoever has its pid now", () => {
  const script = join(projectRoot, "test/parts/reused-pid-worker.ts");
  const argv = ["--pid", "--fork", "--mount-proc", process.execPath, script, join(folder, "who.sock")];
  const { stdout, stderr } = spawnSync("/usr/bin/unshare", argv, { encoding: "utf8", timeout: 60_000 });
  expect(stdout, stderr).toMatch(/^reused: process \d+ has gone before it could be identified\n$/);
});
