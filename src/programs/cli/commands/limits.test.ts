import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { limitsHandlers } from "../../../protocols/admin/limits-handlers.ts";
import { AdminService } from "../../../wire/admin-api.ts";
import { runCommandLine } from "../command-line.ts";
import { registerLimits } from "./limits.ts";

const none = { admitted: 0, limited: 0, queueFull: 0, shed: 0, waiting: 0 };
const report = {
  rates: {
    perIdentity: { intervalMs: 100, burst: 600 },
    perTenant: { intervalMs: 0.1, burst: 10_000 },
    server: { reservedShare: 0.3, longestWaitMs: 10_000 },
  },
  queue: { maxItems: 20_000, maxBytes: 1 << 26, answerWithinMs: 30_000 },
  perSecond: 412.345,
  waiting: 7,
  waitingBytes: 2100,
  underWay: 40,
  window: 62,
  classes: [
    { name: "emergency", ...none },
    { name: "near-expiry", ...none, admitted: 9000, waiting: 5 },
    { name: "first-issue", ...none, limited: 3 },
    { name: "routine", ...none, shed: 12, queueFull: 4, waiting: 2 },
  ],
  tenants: [{ name: "/payments", waiting: 7, weight: 3 }],
  mostLimited: { identities: [{ name: "spiffe://mesh.example/loud", refusals: 3 }], tenants: [] },
} as const;

test("meshmint limits says what is allowed, what is carried, what waits and who was turned away", async () => {
  const folder = mkdtempSync(join(tmpdir(), "meshmint-limits-cli-"));
  const server = new Server();
  onTestFinished(() => {
    server.forceShutdown();
    rmSync(folder, { recursive: true });
  });
  const { GetLimits } = limitsHandlers({ limits: () => report });
  const act = { actor: "", signal: new AbortController().signal, mayGrantRoles: false };
  const handlers = Object.keys(AdminService.service).map((method) => [
    method,
    (call: { request: never }, done: (error: null, reply: object) => void) =>
      GetLimits(call.request, act).then((reply) => done(null, reply)),
  ]);
  server.addService(AdminService.service, Object.fromEntries(handlers));
  const socket = join(folder, "admin.sock");
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  const use = async (...argv: string[]) => {
    let out = "";
    const take = (text: string) => {
      out += text;
    };
    const streams = { out: take, err: () => undefined };
    const exitCode = await runCommandLine([...argv, "--admin", socket], {
      registrations: [registerLimits],
      streams,
      signal: act.signal,
      debug: false,
    });
    expect(exitCode).toBe(0);
    return out;
  };
  const text = await use("limits");
  for (const said of [
    "412.35 leaves/s",
    "40 of 62",
    "10 leaves/s, 600 at once",
    "/payments",
    "mesh.example/loud",
  ])
    expect(text).toContain(said);
  expect(text).toMatch(/near-expiry +5 +9000 +0 +0 +0/);
  expect(text).toMatch(/routine +2 +0 +0 +4 +12/);
  expect(JSON.parse(await use("limits", "--output", "json"))).toMatchObject({
    underWay: 40,
    reservedPercent: 30,
  });
});
