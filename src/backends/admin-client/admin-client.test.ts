import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, type UntypedHandleCall } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminService } from "../../wire/definitions.ts";
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

test("a method that the server does not have is a failure, not a hang", async () => {
  await serve((_call: unknown, done: (error: null, reply: object) => void) => done(null, {}));
  await expect(client.call("GetStatus", {}, new AbortController().signal)).rejects.toMatchObject({
    code: "INTERNAL",
  });
});

test("an aborted call ends with the signal's reason", async () => {
  await serve(() => undefined); // never answers
  const stop = new AbortController();
  const asked = ask(stop.signal);
  stop.abort(new Error("enough"));
  await expect(asked).rejects.toThrow("enough");
});
