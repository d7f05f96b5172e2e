import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { Fault } from "../../../foundation/fault.ts";
import { toServiceError } from "../../../protocols/grpc/fault-status.ts";
import { AdminService } from "../../../wire/admin-api.ts";
import type { Registration, Terminal } from "../command-frame.ts";
import { runCommandLine } from "../command-line.ts";

type Answer = object | Fault;
type Call = { readonly request: object };

/** An admin API on a socket of the test's own that answers what the test says; it can go away and come back. */
export class FakeAdminApi {
  readonly folder = mkdtempSync(join(tmpdir(), "meshmint-admin-api-"));
  readonly socket = join(this.folder, "admin.sock");
  readonly asked: [string, object][] = [];
  /** By method; a function is asked each time. */
  answers: Record<string, Answer | (() => Answer)> = {};
  #server: Server | undefined;

  static async start(): Promise<FakeAdminApi> {
    const api = new FakeAdminApi();
    onTestFinished(() => {
      api.stop();
      rmSync(api.folder, { recursive: true });
    });
    await api.listen();
    return api;
  }

  async listen(): Promise<void> {
    const server = new Server();
    const handlers = Object.keys(AdminService.service).map((method) => [
      method,
      (call: Call, done: (error: object | null, reply?: object) => void) => {
        this.asked.push([method, call.request]);
        const given = this.answers[method] ?? {};
        const answer = typeof given === "function" ? given() : given;
        if (answer instanceof Fault) done(toServiceError(answer));
        else done(null, answer);
      },
    ]);
    server.addService(AdminService.service, Object.fromEntries(handlers));
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(`unix:${this.socket}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      ),
    );
    this.#server = server;
  }

  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  /** Runs a command line against it. */
  async use(registration: Registration, argv: readonly string[], more: Partial<Use> = {}) {
    let out = "";
    let err = "";
    const exitCode = await runCommandLine([...argv, "--admin", this.socket], {
      registrations: [registration],
      streams: {
        out: (text) => {
          out += text;
          more.onOutput?.(text);
        },
        err: (text) => {
          err += text;
        },
      },
      terminal: more.terminal,
      signal: more.signal ?? new AbortController().signal,
      debug: false,
    });
    return { exitCode, out, err };
  }
}

type Use = { terminal: Terminal; signal: AbortSignal; onOutput: (text: string) => void };
