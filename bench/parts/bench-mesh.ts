import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { AdminClient } from "../../src/backends/admin-client/admin-client.ts";
import { decodePem } from "../../src/domain/certificate/pem.ts";
import type { TrustDomain } from "../../src/domain/identity/trust-domain.ts";
import { freePorts } from "../../test/parts/free-ports.ts";
import { projectRoot } from "../../test/parts/parts.ts";
import { accepts, answers, Program } from "../../test/parts/program.ts";
import { BenchAgent } from "./bench-agent.ts";

export type BenchMeshOptions = {
  /** Merged over the top level of the configurations that benches use. */
  readonly signer?: Readonly<Record<string, unknown>>;
  readonly server?: Readonly<Record<string, unknown>>;
  /** The PKCS#11 module of the signer; SoftHSM2, which ceremonies use in any case, when left out. */
  readonly module?: string;
  /** Called with the folder when the ceremonies are over and no program runs yet. */
  readonly prepare?: (folder: string) => void;
  /** More that the programs find in their environment. */
  readonly environment?: Readonly<Record<string, string>>;
};

export type MeshAgent = { readonly socket: string; readonly program: Program; readonly spiffeId: string };

/** High enough that no bench meets them by accident; a bench of the limits sets its own. */
const noLimits = {
  perIdentityPerMinute: 1_000_000,
  perTenantPerSecond: 1_000_000,
  queueItems: 200_000,
  reservedPercent: 0,
  longestWait: "60s",
  answerWithin: "300s",
};

/**
 * The real programs as processes of their own, from the sources: ceremonies in a SoftHSM of this bench's own, then
 * `signer run` and `server run` on free ports, state in a temporary folder. `stop` ends them and removes the folder.
 */
export class BenchMesh {
  readonly folder = mkdtempSync(join(tmpdir(), "meshmint-bench-"));
  readonly trustDomain = "bench.example" as TrustDomain;
  readonly signer: Program;
  readonly server: Program;
  readonly admin: AdminClient;
  readonly opsUrl: string;
  readonly #ports: readonly number[];
  readonly #environment: Readonly<Record<string, string>>;
  readonly #agents: BenchAgent[] = [];
  readonly #programs: Program[] = [];
  #ceremonyConfig: object = {};

  private constructor(ports: readonly number[], options: BenchMeshOptions) {
    this.#ports = ports;
    this.opsUrl = `http://127.0.0.1:${ports[1]}`;
    this.#environment = { SOFTHSM2_CONF: this.path("softhsm2.conf"), ...options.environment };
    this.admin = new AdminClient(this.path("admin.sock"));
    this.#writeFiles(options);
    const run = (name: string, isReady: () => Promise<boolean>) =>
      new Program({ name, ...this.#command(name, "run", "-c", this.path(`${name}.yaml`)), isReady });
    this.signer = run("signer", () => accepts(this.path("signer.sock")));
    this.server = run("server", () => answers(`${this.opsUrl}/ready`));
  }

  static async start(options: BenchMeshOptions = {}): Promise<BenchMesh> {
    const mesh = new BenchMesh(await freePorts(2), options);
    try {
      for (const kind of ["root", "intermediate"]) mesh.hold(kind, "ceremony.yaml");
      options.prepare?.(mesh.folder);
      await mesh.signer.start();
      await mesh.server.start();
      return mesh;
    } catch (thrown) {
      await mesh.stop();
      throw thrown;
    }
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A new node of this name, attested by a join token: it may ask for the leaves of the entries that it is given. */
  async enrol(nodeId: string, signal: AbortSignal): Promise<BenchAgent> {
    const { token } = await this.admin.call("CreateToken", { nodeId, ttlSeconds: 600 }, signal);
    const address = { host: "127.0.0.1", port: this.#ports[0] ?? 0 };
    const agent = await BenchAgent.join({ address, trustDomain: this.trustDomain, token }, signal);
    this.#agents.push(agent);
    return agent;
  }

  /** Registers so many workloads `spiffe://bench.example/PREFIX/N` of the agent, and gives their entry ids. */
  async register(
    agent: BenchAgent,
    {
      prefix,
      count,
      ...entry
    }: {
      readonly prefix: string;
      readonly count: number;
      readonly tenant?: string;
      readonly x509TtlSeconds?: number;
    },
    signal: AbortSignal,
  ): Promise<string[]> {
    const ids: string[] = [];
    for (let at = 0; at < count; at += 1) {
      const spiffeId = `spiffe://${this.trustDomain}/${prefix}/${at}`;
      const made = { ...entry, spiffeId, parentId: agent.spiffeId, selectors: ["unix:uid:0"] };
      const { id } = await this.admin.call("CreateEntry", { entry: made }, signal);
      ids.push(id);
    }
    return ids;
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) agent.close();
    this.admin.close();
    for (const program of [...this.#programs, this.server, this.signer]) await program.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A real agent as a process of its own, enrolled as this node and connected. `stop` ends it too. */
  async raiseAgent(nodeId: string, signal: AbortSignal): Promise<MeshAgent> {
    const { token } = await this.admin.call("CreateToken", { nodeId, ttlSeconds: 600 }, signal);
    const name = `agent-${nodeId}`;
    mkdirSync(this.path(name), { mode: 0o700 });
    const config = {
      program: "agent",
      trustDomain: this.trustDomain,
      stateDir: name,
      server: { address: `127.0.0.1:${this.#ports[0]}` },
      socket: { path: `${name}.sock` },
      ops: "127.0.0.1:0",
      joinToken: token,
      log: { level: "warn" },
    };
    writeFileSync(this.path(`${name}.yaml`), JSON.stringify(config));
    const socket = this.path(`${name}.sock`);
    const program = new Program({
      name,
      ...this.#command("agent", "run", "-c", this.path(`${name}.yaml`)),
      isReady: () => accepts(socket),
    });
    this.also(program);
    await program.start();
    return { socket, program, spiffeId: `spiffe://${this.trustDomain}/meshmint/agent/join_token/${nodeId}` };
  }

  /** One more program that `stop` ends. */
  also(program: Program): void {
    this.#programs.push(program);
  }

  /**
   * Holds a second root's ceremonies, of two intermediates, and gives what `rotation start` imports: DER of root, first intermediate,
   * cross-certificate.
   */
  certifyNextAuthority() {
    const output = "ceremony-2";
    const next = { intermediate: { label: "issuing-2", count: 2 }, cross: { oldRootLabel: "root" } };
    const config = { ...this.#ceremonyConfig, root: { label: "root-2" }, outputFolder: output, ...next };
    writeFileSync(this.path("ceremony-2.yaml"), JSON.stringify(config));
    for (const kind of ["root", "intermediate", "cross"]) this.hold(kind, "ceremony-2.yaml");
    const der = (name: string) => new X509Certificate(readFileSync(this.path(`${output}/${name}.pem`))).raw;
    return { rootDer: der("root"), intermediateDer: der("issuing-2-1"), crossDer: der("cross") };
  }

  /** What `incident start` imports when that first intermediate is lost: DER of the second one, and of the sealed lists. */
  breakSeal() {
    const read = (name: string) => readFileSync(this.path(`ceremony-2/${name}`), "utf8");
    const lists = decodePem(read("break-glass-issuing-2-1.pem"));
    if (!lists.ok) throw new Error(lists.error);
    const revocationListsDer = lists.value.map(({ der }) => Buffer.from(der));
    return { intermediateDer: new X509Certificate(read("issuing-2-2.pem")).raw, revocationListsDer };
  }

  /** As users start it: with Node's flags of the program. */
  #command(...argv: readonly string[]) {
    return { command: join(projectRoot, "bin/meshmint"), argv, environment: this.#environment };
  }

  hold(kind: string, config: string): void {
    const { command, argv, environment } = this.#command("ceremony", kind, "-c", this.path(config));
    const held = spawnSync(command, argv, { encoding: "utf8", env: { ...process.env, ...environment } });
    if (held.status !== 0)
      throw new Error(`ceremony ${kind}: exit ${held.status}\n${held.stdout}${held.stderr}`);
  }

  /** JSON is YAML. */
  #writeFiles({ signer, server, module }: BenchMeshOptions): void {
    for (const name of ["tokens", "server", "signer"]) mkdirSync(this.path(name), { mode: 0o700 });
    const softhsm = [
      `directories.tokendir = ${this.path("tokens")}`,
      "objectstore.backend = file",
      "log.level = ERROR",
    ];
    writeFileSync(this.path("softhsm2.conf"), `${softhsm.join("\n")}\n`);
    for (const name of ["so", "offline", "issuing"]) writeFileSync(this.path(`${name}.pin`), `${name}-1234`);
    const chosen = module === undefined ? {} : { module };
    const write = (name: string, config: object) =>
      writeFileSync(this.path(`${name}.yaml`), JSON.stringify(config, null, 2));
    this.#ceremonyConfig = this.#ceremony();
    write("ceremony", this.#ceremonyConfig);
    const pin = { label: "issuing", pinFile: "issuing.pin", ...chosen };
    const socket = { path: "signer.sock" };
    write("signer", { program: "signer", socket, token: pin, journal: "signer/journal", ...signer });
    write("server", { ...this.#server(), ...server });
  }

  #ceremony(): object {
    const token = (label: string) => ({
      label,
      pinFile: `${label}.pin`,
      initialize: true,
      soPinFile: "so.pin",
    });
    return {
      program: "ceremony",
      trustDomain: this.trustDomain,
      outputFolder: "ceremony",
      offlineToken: token("offline"),
      root: { label: "root" },
      issuingToken: token("issuing"),
      intermediate: { label: "issuing" },
    };
  }

  #server(): object {
    return {
      program: "server",
      trustDomain: this.trustDomain,
      stateDir: "server",
      listen: `127.0.0.1:${this.#ports[0]}`,
      ops: `127.0.0.1:${this.#ports[1]}`,
      admin: { socket: "admin.sock" },
      signer: { socket: "signer.sock" },
      authority: { root: "ceremony/root.pem", intermediate: "ceremony/issuing-1.pem" },
      limits: noLimits,
    };
  }
}
