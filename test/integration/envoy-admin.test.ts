import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EnvoyAdmin } from "../../src/backends/envoy-admin/envoy-admin.ts";
import { readPeer } from "../../src/backends/peer-credentials/peer-credentials.ts";
import { readStartTime } from "../../src/backends/unix/process-stat.ts";
import { eventually } from "../parts/eventually.ts";
import { accepts } from "../parts/program.ts";

const never = new AbortController().signal;
const self = {
  pid: process.pid,
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  startTime: readStartTime(process.pid) ?? "",
};

let folder: string;
let received: string[];
const servers: Server[] = [];
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "meshmint-admin-"));
  received = [];
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true });
});

/** An admin interface of this very process that answers as the test says. */
async function answering(answer: (socket: Socket) => void): Promise<string> {
  const path = join(folder, "admin.sock");
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      received.push(bytes.toString());
      answer(socket);
    });
  });
  servers.push(server);
  server.listen(path);
  await once(server, "listening");
  return path;
}

const http = (body: string, length = Buffer.byteLength(body)) =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n${body}`;
const ask = (adminSocket: string, who = self) =>
  new EnvoyAdmin({ readPeer }).contexts({ process: who, adminSocket }, never);
const certs = (...contexts: object[]) => JSON.stringify({ certificates: contexts });

test("the process's own socket is asked for one fixed path, and read", async () => {
  const context = {
    cert_chain: [{ serial_number: "0aB1", subject_alt_names: [{ uri: "spiffe://td/web" }, { dns: "web" }] }],
    ca_cert: [{ serial_number: "00ff" }],
  };
  const path = await answering((socket) => socket.end(http(certs(context, {}))));
  expect(await ask(path)).toEqual({
    ok: true,
    value: [
      { leaves: [{ serial: "ab1", uris: ["spiffe://td/web"] }], anchors: ["ff"] },
      { leaves: [], anchors: [] },
    ],
  });
  expect(received).toEqual([expect.stringMatching(/^GET \/certs HTTP\/1\.1\r\n/)]);
});

test("handshakes are counted over all listeners and clusters, by cause", async () => {
  const lines = [
    "listener.127.0.0.1_0.ssl.handshake: 10",
    "listener.[__1]_443.ssl.fail_verify_error: 2",
    "listener.[__1]_443.ssl.fail_verify_cert_hash: 1",
    "cluster.a: b.ssl.fail_verify_san: 3",
    "cluster.api.ssl.fail_verify_no_cert: 4",
    "cluster.api.ssl.connection_error: 5",
    "cluster.api.ssl.handshake: 20",
  ];
  const path = await answering((socket) => socket.end(http(`${lines.join("\n")}\n`)));
  const counted = await new EnvoyAdmin({ readPeer }).handshakes({ process: self, adminSocket: path }, never);
  const failed = { unverified: 3, wrongName: 3, noCertificate: 4, other: 5 };
  expect(counted).toEqual({ ok: true, value: { done: 30, failed } });
  expect(received).toEqual([expect.stringMatching(/^GET \/stats\?usedonly&filter=\S+ HTTP\/1\.1\r\n/)]);
});

test.each([
  ["cluster.api.ssl.handshake: 1\n<html>", "/stats: a line that is no counter of handshakes"],
  ["listener.a.ssl.handshake: -1", "/stats: a line that is no counter of handshakes"],
  [
    Array.from({ length: 10 }, (_, at) => `listener.${at}.ssl.handshake: 999999999999999`).join("\n"),
    "/stats: more handshakes than there can be",
  ],
])("counters that are none are refused: %j", async (text, error) => {
  const path = await answering((socket) => socket.end(http(text)));
  const counted = await new EnvoyAdmin({ readPeer }).handshakes({ process: self, adminSocket: path }, never);
  expect(counted).toEqual({ ok: false, error });
});

test.each<[string, (socket: Socket) => void, string]>([
  ["no JSON", (socket) => socket.end(http("certificates")), "/certs: it is no JSON"],
  ["an error", (socket) => socket.end("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"), "/certs: HTTP 503"],
  ["no HTTP", (socket) => socket.end("220 mail\r\n"), "/certs: Parse Error"],
  ["half of what it promised", (socket) => socket.end(http("{}", 10)), "/certs: aborted"],
  ["nothing", (socket) => socket.end(), "/certs: socket hang up"],
  ["silence", () => undefined, "no answer in 2000 ms"],
  ["a list of no objects", (socket) => socket.end(http(certs([]))), "/certs: something else"],
  [
    "a serial number that is none",
    (socket) => socket.end(http(certs({ ca_cert: [{ serial_number: "\u001b[31m" }] }))),
    "/certs: a certificate without a serial number",
  ],
  [
    "more than anybody needs",
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536, " ")));
      };
      socket.on("drain", more);
      more();
    },
    "/certs: an answer of more than 8388608 bytes",
  ],
])("an answer of %s is refused", async (_, answer, reason) => {
  const path = await answering(answer);
  const read = await ask(path);
  expect(read).toEqual({ ok: false, error: expect.stringContaining(reason) });
});

test("R18: another process's socket gets not a byte, whoever names it", async () => {
  const path = await answering((socket) => socket.end(http(certs())));
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  children.push(child);
  const pid = child.pid ?? 0;
  const other = { ...self, pid, startTime: readStartTime(pid) ?? "" };
  expect(await ask(path, other)).toEqual({
    ok: false,
    error: `process ${process.pid} listens on it, not the proxy's process ${pid}`,
  });
  const reused = { ...self, startTime: "1" };
  expect(await ask(path, reused)).toMatchObject({
    ok: false,
    error: expect.stringContaining("listens on it"),
  });
  const foreign = { ...self, uid: self.uid + 1 };
  expect(await ask(path, foreign)).toMatchObject({
    ok: false,
    error: expect.stringContaining("belongs to uid"),
  });
  expect(received).toEqual([]);
});

test("a path that is no plain way to a socket is not followed", async () => {
  const path = await answering((socket) => socket.end(http(certs())));
  await symlink(path, join(folder, "link"));
  await writeFile(join(folder, "file"), "");
  const flaws = await Promise.all(
    ["link", "file", "none"].map(async (name) => {
      const read = await ask(join(folder, name));
      return read.ok || read.error;
    }),
  );
  expect(flaws).toEqual([
    expect.stringMatching(/link is not a Unix socket$/),
    expect.stringMatching(/file is not a Unix socket$/),
    expect.stringMatching(/none cannot be opened: ENOENT$/),
  ]);
  for (const bad of ["", "admin.sock", "@admin", "/a\u0000b", "/a//b", `/${"a".repeat(107)}`, "/a\n"]) {
    expect(await ask(bad)).toMatchObject({
      ok: false,
      error: expect.stringContaining("not the absolute path"),
    });
  }
  expect(received).toEqual([]);
});

test("a socket that nobody serves any more takes no connection", async () => {
  const path = join(folder, "left.sock");
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)})`;
  const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  children.push(child);
  await eventually("the socket", () => accepts(path));
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await ask(path)).toEqual({ ok: false, error: `${path} takes no connection: ECONNREFUSED` });
});
