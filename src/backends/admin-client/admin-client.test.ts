import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, type UntypedHandleCall } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminService } from "../../wire/admin-api.ts";
import { AdminClient } from "./admin-client.ts";

let folder: string;
let socket: string;
let server: Server | undefined;
let client: AdminClient;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-admin-"));
  socket = join(folder, "admin.sock");
  client = new AdminClient(socket);
});
afterEach(() => {
  client.close();
  server?.forceShutdown();
  server = undefined;
  rmSync(folder, { recursive: true });
});

async function serve(createToken: UntypedHandleCall): Promise<void> {
  server = new Server();
  server.addService(AdminService.service, { createToken });
  await new Promise<void>((resolve, reject) =>
    server?.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
}

const ask = (signal = new AbortController().signal) =>
  client.call("CreateToken", { nodeId: "n1", ttlSeconds: 60 }, signal);

test("a call brings its reply", async () => {
  await serve((call: { request: { nodeId: string } }, done: (error: null, reply: object) => void) =>
    done(null, { token: `token for ${call.request.nodeId}` }),
  );
  expect((await ask()).token).toBe("token for n1");
});

test("nobody there is SERVER_UNAVAILABLE, with what to look at", async () => {
  await expect(ask()).rejects.toMatchObject({
    code: "SERVER_UNAVAILABLE",
    message: expect.stringContaining(socket),
  });
});

test("another program's socket is told from the server's", async () => {
  await serve((_call: unknown, done: (error: null, reply: object) => void) => done(null, {}));
  await expect(client.call("GetStatus", {}, new AbortController().signal)).rejects.toMatchObject({
    code: "SERVER_UNAVAILABLE",
    message: expect.stringMatching(/does not know GetStatus: name the server's admin.socket/),
  });
});

async function listens(onConnection: (socket: Socket) => void): Promise<NetServer> {
  const listener = createServer(onConnection).listen(socket);
  await once(listener, "listening");
  return listener;
}

test("a socket that nobody made, that nobody serves, and that hangs up are told apart", async () => {
  await expect(ask()).rejects.toThrow(/there is no socket .*: is the server running\?/);
  writeFileSync(socket, "");
  await expect(ask()).rejects.toThrow(/no server answers at .*: is it running/);
  rmSync(socket);
  const listener = await listens((peer) => peer.destroy());
  await expect(ask()).rejects.toThrow(/hung up: is this user's id among its admin.allowedUids\?/);
  listener.close();
});

test("an aborted call ends with the signal's reason", async () => {
  await serve(() => undefined); // never answers
  const stop = new AbortController();
  const asked = ask(stop.signal);
  stop.abort(new Error("enough"));
  await expect(asked).rejects.toThrow("enough");
});
