import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { part } from "./parts.ts";

/** What Envoy has really loaded, in the words of its /certs: the end of the proof rule. */
export type LoadedCertificate = { readonly serial_number: string; readonly expiration_time: string };
type LoadedContext = Readonly<Record<"cert_chain" | "ca_cert", readonly LoadedCertificate[]>>;

/** A real Envoy in a folder of its own. Give it port 0 everywhere and ask `port` for what it got. */
export class Envoy {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #folder: string;
  #admin = "";
  readonly #log: { text: string };

  private constructor(running: {
    process: ChildProcess;
    folder: string;
    log: { text: string };
  }) {
    this.#process = running.process;
    this.#folder = running.folder;
    this.#log = running.log;
    this.pid = running.process.pid ?? 0;
  }

  /**
   * Starts Envoy on a bootstrap and resolves when its admin interface answers. That one is filled in: a loopback port, or a Unix
   * socket of which the agent is told, unless the bootstrap's node has metadata of its own.
   */
  static async start(
    bootstrap: Readonly<Record<string, unknown>>,
    { adminOn }: { readonly adminOn?: "port" | "socket" } = {},
  ): Promise<Envoy> {
    const folder = await mkdtemp(join(tmpdir(), "meshmint-envoy-"));
    const config = join(folder, "envoy.json");
    const addressFile = join(folder, "admin");
    const socket = join(folder, "admin.sock");
    const { node: named } = bootstrap;
    const node = { metadata: { meshmint: { admin: socket } }, ...(named as object) };
    const whole =
      adminOn === "socket"
        ? { ...bootstrap, node, admin: { address: { pipe: { path: socket } } } }
        : { ...bootstrap, admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } } };
    await writeFile(config, JSON.stringify(whole));
    const child = spawn(
      part("envoy"),
      ["-c", config, "--admin-address-path", addressFile, "--disable-hot-restart", "--concurrency", "1"],
      { stdio: ["ignore", "ignore", "pipe"], cwd: folder },
    );
    const log = { text: "" };
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log.text = (log.text + text).slice(-200_000);
    });
    const envoy = new Envoy({ process: child, folder, log });
    try {
      await envoy.#admitted(addressFile);
      return envoy;
    } catch (thrown) {
      await envoy.stop();
      throw thrown;
    }
  }

  /** host:port, or the path of its Unix socket. */
  get adminAddress(): string {
    return this.#admin;
  }

  /** The end of what it wrote to standard error. */
  get log(): string {
    return this.#log.text;
  }

  /** GET on the admin interface, as text. */
  async admin(path: string): Promise<string> {
    const at = this.#admin.startsWith("/")
      ? { socketPath: this.#admin }
      : { host: this.#admin.split(":")[0], port: this.#admin.split(":")[1] };
    const asked = request({ ...at, path, headers: { connection: "close" } }).end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    if (response.statusCode !== 200 && path !== "/ready") {
      throw new Error(`${path}: HTTP ${response.statusCode}`);
    }
    let text = "";
    for await (const part of response.setEncoding("utf8")) text += part;
    return text;
  }

  /** Counters and gauges whose name matches the regular expression. */
  async stats(filter: string): Promise<Record<string, number>> {
    const text = await this.admin(`/stats?filter=${encodeURIComponent(filter)}`);
    const pairs = text.split("\n").map((line) => /^(.+): (\d+)$/.exec(line));
    return Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1], Number(pair[2])]] : [])));
  }

  /** One counter or gauge by its exact name; 0 when Envoy does not have it (yet). */
  async stat(name: string): Promise<number> {
    return (await this.stats(`^${name.replaceAll(".", "\\.")}$`))[name] ?? 0;
  }

  /** The leaf certificates of every TLS context that is really loaded. */
  async leaves(): Promise<LoadedCertificate[]> {
    return this.#loaded("cert_chain");
  }

  /** The trust anchors of every TLS context that is really loaded. */
  async anchors(): Promise<LoadedCertificate[]> {
    return this.#loaded("ca_cert");
  }

  /** The port that a listener got, once it listens. */
  port(listener: string): Promise<number> {
    return eventually(`listener ${listener}`, async () => {
      const { listener_statuses } = JSON.parse(await this.admin("/listeners?format=json"));
      const found = listener_statuses?.find((status: { name: string }) => status.name === listener);
      return found?.local_address.socket_address.port_value as number | undefined;
    });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #admitted(addressFile: string): Promise<void> {
    this.#admin = await eventually("Envoy's admin address", async () => {
      const { exitCode } = this.#process;
      if (exitCode !== null) throw new Error(`Envoy exited with ${exitCode}:\n${this.log}`);
      return existsSync(addressFile) ? (await readFile(addressFile, "utf8")) || undefined : undefined;
    });
  }

  async #loaded(part: "cert_chain" | "ca_cert"): Promise<LoadedCertificate[]> {
    const { certificates } = JSON.parse(await this.admin("/certs"));
    return (certificates as LoadedContext[]).flatMap((context) => context[part]);
  }
}
