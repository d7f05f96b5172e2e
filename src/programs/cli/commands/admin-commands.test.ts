import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Fault } from "../../../foundation/fault.ts";
import { toServiceError } from "../../../protocols/grpc/fault-status.ts";
import { AdminService } from "../../../wire/admin-api.ts";
import { runCommandLine } from "../command-line.ts";
import { registerEntry } from "./entry.ts";
import { registerLedger } from "./ledger.ts";
import { registerRotation } from "./rotation.ts";
import { registerToken } from "./token.ts";

/** An admin API that remembers what it was asked and answers what the test says, or with the test's fault. */
type Answer = object | Fault;
let folder: string;
let server: Server;
let asked: [string, Record<string, unknown>][];
let answers: Record<string, Answer>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "meshmint-admin-cli-"));
  asked = [];
  answers = {};
  server = new Server();
  const handlers = Object.fromEntries(
    Object.keys(AdminService.service).map((method) => [
      method,
      (call: { request: Record<string, unknown> }, done: (error: object | null, reply?: object) => void) => {
        asked.push([method, call.request]);
        const answer = answers[method] ?? {};
        if (answer instanceof Fault) done(toServiceError(answer));
        else done(null, answer);
      },
    ]),
  );
  server.addService(AdminService.service, handlers);
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${join(folder, "admin.sock")}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
});
afterEach(() => {
  server.forceShutdown();
  rmSync(folder, { recursive: true });
});

async function use(...argv: string[]) {
  let out = "";
  let err = "";
  const exitCode = await runCommandLine([...argv, "--admin", join(folder, "admin.sock")], {
    registrations: [registerToken, registerEntry, registerRotation, registerLedger],
    streams: {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
    },
    signal: new AbortController().signal,
    debug: false,
  });
  return { exitCode, out, err };
}

test("token create prints the token alone, fit for a shell variable", async () => {
  answers.CreateToken = { token: "mmj1.x.y.z", id: "t1" };
  expect(await use("token", "create", "--node", "n1", "--ttl", "5m")).toEqual({
    exitCode: 0,
    out: "mmj1.x.y.z\n",
    err: "",
  });
  expect(asked).toMatchObject([["CreateToken", { nodeId: "n1", ttlSeconds: 300 }]]);
});

test("entry update changes what is named and keeps the rest, with the revision it read", async () => {
  answers.GetEntry = {
    id: "e1",
    spiffeId: "spiffe://a/b",
    selectors: ["unix:uid:1"],
    hint: "old",
    revision: 4,
  };
  expect(
    (await use("entry", "update", "e1", "--hint", "new", "--label", "team=red", "--dns", "a", "--dns", "b"))
      .exitCode,
  ).toBe(0);
  expect(asked[1]).toMatchObject([
    "UpdateEntry",
    {
      entry: {
        id: "e1",
        spiffeId: "spiffe://a/b",
        selectors: ["unix:uid:1"],
        hint: "new",
        labels: { team: "red" },
        dnsNames: ["a", "b"],
        revision: 4,
      },
    },
  ]);
});

test("a refused step is exit 1 with the server's own sentence and code", async () => {
  answers.GetRotation = { revision: 7 };
  answers.ActivateRotation = new Fault("ROTATION_REFUSED", "web-1 has not acknowledged the new root");
  const { exitCode, err } = await use("rotation", "activate", "--output", "json");
  expect(exitCode).toBe(1);
  expect(JSON.parse(err).error).toEqual({
    code: "ROTATION_REFUSED",
    message: "web-1 has not acknowledged the new root",
  });
  expect(asked[1]).toEqual(["ActivateRotation", { expectedRevision: 7, forceReason: "" }]);
});

test("what goes past a barrier, or back, says why", async () => {
  answers.GetRotation = { revision: 7 };
  const status = {
    phase: "done",
    forced: [{ verb: "retire", by: "unix:uid=0", reason: "the lab\u001b is gone", behind: 2 }],
  };
  answers.RetireRotation = status;
  const { out } = await use("rotation", "retire", "--force", "--reason", "the lab is gone");
  expect(asked[1]).toEqual([
    "RetireRotation",
    { expectedRevision: 7, strict: false, forceReason: "the lab is gone" },
  ]);
  expect(out).toContain(
    "FORCED     retire past 2 that were behind, by unix:uid=0 at never: the lab? is gone",
  );
  await use("rotation", "rollback", "--reason", "r", "--revision", "9");
  await use("rotation", "pause", "--reason", "p", "--revision", "9");
  await use("rotation", "resume", "--revision", "9");
  expect(asked.slice(2)).toEqual([
    ["RollbackRotation", { expectedRevision: 9, reason: "r", force: false }],
    ["PauseRotation", { expectedRevision: 9, reason: "p" }],
    ["ResumeRotation", { expectedRevision: 9 }],
  ]);
});

test("a quarantine says until when the holder counts and whom else it hits", async () => {
  const quarantine = {
    id: "0123456789ab",
    label: "envoy-web (pid 3)",
    spiffeIds: ["spiffe://a/web"],
    endsMs: Date.now() + 3_000_000,
    siblings: ["envoy-web (pid 4)"],
    siblingsTotal: 61,
  };
  answers.QuarantineHolder = { quarantine, changed: true };
  answers.ReleaseHolder = { quarantine, changed: false };
  answers.GetRotation = { quarantines: [quarantine] };
  expect((await use("rotation", "status")).out).toMatch(/stopped {4}0123456789ab .*in 50 min; hits 61 more/);
  asked.splice(0);
  const { out } = await use("rotation", "quarantine", "0123456789ab", "--reason", "nobody owns it");
  expect(out).toMatch(/^0123456789ab {2}envoy-web \(pid 3\) is in quarantine$/m);
  expect(out).toMatch(/counts {5}until 20.*, in 50 min$/m);
  expect(out).toMatch(/hit too {4}envoy-web \(pid 4\)\n {2}hit too {4}and 60 more$/m);
  expect((await use("rotation", "release", "0123456789ab")).out).toContain("was not in quarantine");
  expect(asked).toEqual([
    ["QuarantineHolder", { holder: "0123456789ab", reason: "nobody owns it" }],
    ["ReleaseHolder", { holder: "0123456789ab", reason: "" }],
  ]);
});

test("books that differ are exit 1", async () => {
  answers.VerifyLedger = {
    journalLines: 3,
    certificates: 2,
    reconciled: false,
    differences: ["line 3 has no intent"],
  };
  const { exitCode, out } = await use("ledger", "verify");
  expect(exitCode).toBe(1);
  expect(out).toContain("line 3 has no intent");
});

test.each([
  [["token", "create", "--node", "n", "--ttl", "soon"], "--ttl"],
  [["entry", "create", "--parent", "spiffe://a/b", "--selector", "unix:uid:1"], "'--spiffe-id <id>'"],
  [["entry", "update", "e1", "--label", "novalue"], "--label"],
  [["rotation", "activate", "--force"], "--force needs --reason"],
  [["rotation", "retire", "--force", "--reason", " "], "--force needs --reason"],
  [["rotation", "activate", "--reason", "x"], "only --force asks"],
  [["rotation", "rollback"], "'--reason <text>'"],
  [["rotation", "pause"], "'--reason <text>'"],
  [["rotation", "start", "--root", "/nonexistent", "--intermediate", "/nonexistent"], "cannot be read"],
])("%j is a mistake on the command line: exit 2, nothing asked", async (argv, says) => {
  const { exitCode, err } = await use(...argv);
  expect(exitCode).toBe(2);
  expect(err).toContain(says);
  expect(asked).toEqual([]);
});

test("a file that is no certificate is named", async () => {
  const file = join(folder, "root.pem");
  writeFileSync(file, "hello");
  const { err } = await use("rotation", "start", "--root", file, "--intermediate", file);
  expect(err).toContain(`${file}: the PEM text holds no certificate`);
});
