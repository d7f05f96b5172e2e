import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { X509BundlesResponse__Output } from "../../src/generated/X509BundlesResponse.ts";
import type { X509SVIDResponse__Output } from "../../src/generated/X509SVIDResponse.ts";
import { runAgent } from "../../src/programs/agent/run.ts";
import { SpiffeWorkloadApi } from "../../src/wire/workload-api.ts";
import { eventually } from "./eventually.ts";
import { accepts } from "./program.ts";

/** A folder with an agent's configuration, state and socket; the agent runs in this process, or by whoever starts it. */
export class AgentFolder {
  readonly folder = mkdtempSync(join(tmpdir(), "meshmint-agent-"));
  readonly socket = join(this.folder, "agent.sock");
  readonly configFile = join(this.folder, "agent.yaml");
  readonly tokenFile = join(this.folder, "token");
  /** 0 lets the kernel choose. Set before `configure`. */
  opsPort = 0;
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  /** `extra` is YAML; `token` undefined leaves joinTokenFile out. */
  configure(port: number, token: string | undefined, extra = ""): void {
    if (token !== undefined) writeFileSync(this.tokenFile, `${token}\n`);
    const lines = [
      "program: agent",
      "trustDomain: mesh.test",
      `stateDir: ${join(this.folder, "state")}`,
      `server: { address: "127.0.0.1:${port}" }`,
      `socket: { path: ${this.socket} }`,
      `ops: 127.0.0.1:${this.opsPort}`,
      "workloadApi: { settle: 0s }",
      "log: { level: error }",
      ...(token === undefined ? [] : [`joinTokenFile: ${this.tokenFile}`]),
    ];
    writeFileSync(this.configFile, `${lines.join("\n")}\n${extra}\n`);
  }

  async start(): Promise<void> {
    this.#stop = new AbortController();
    const running = runAgent({ configFile: this.configFile }, this.#stop.signal);
    this.#running = running;
    running.catch(() => undefined);
    await eventually("the agent's socket", () =>
      Promise.race([accepts(this.socket), running.then(() => false)]),
    );
  }

  /** Resolves with the failure of a start that must not succeed. */
  async failure(): Promise<unknown> {
    return runAgent({ configFile: this.configFile }, this.#stop.signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running?.catch(() => undefined);
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Metadata with the Workload API's security header, once for each value. */
export function headers(...values: string[]): Metadata {
  const metadata = new Metadata();
  for (const value of values) metadata.add("workload.spiffe.io", value);
  return metadata;
}

/** One stream of the Workload API as this process sees it. */
export class WorkloadWatch<Message> {
  readonly messages: Message[] = [];
  failure: ServiceError | undefined;
  readonly #client: InstanceType<typeof SpiffeWorkloadApi>;
  readonly #cancel: () => void;

  private constructor(socket: string, method: "FetchX509SVID" | "FetchX509Bundles", metadata: Metadata) {
    this.#client = new SpiffeWorkloadApi(`unix:${socket}`, credentials.createInsecure());
    const call = this.#client[method]({}, metadata);
    this.#cancel = () => call.cancel();
    call.on("data", (message: unknown) => this.messages.push(message as Message));
    call.on("error", (error: ServiceError) => {
      this.failure = error;
    });
  }

  static svids = (socket: string, metadata = headers("true")) =>
    new WorkloadWatch<X509SVIDResponse__Output>(socket, "FetchX509SVID", metadata);
  static bundles = (socket: string, metadata = headers("true")) =>
    new WorkloadWatch<X509BundlesResponse__Output>(socket, "FetchX509Bundles", metadata);

  get last(): Message | undefined {
    return this.messages.at(-1);
  }

  close(): void {
    this.#cancel();
    this.#client.close();
  }
}

/** Asks until the Workload API gives SVIDs (it says Unavailable while the agent starts), and closes the stream. */
export async function fetchSvids(socket: string): Promise<X509SVIDResponse__Output> {
  return eventually("SVIDs from the Workload API", async () => {
    const watch = WorkloadWatch.svids(socket);
    try {
      await eventually("an answer", () => watch.last !== undefined || watch.failure !== undefined);
      return watch.last;
    } finally {
      watch.close();
    }
  });
}
