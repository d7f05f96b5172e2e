import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { freePorts } from "./free-ports.ts";
import { projectRoot } from "./parts.ts";
import { accepts, answers, type Launch, Program } from "./program.ts";

/** The node that deploy/compose/enrol.sh makes a token for. */
export const agentId = "spiffe://mesh.example/meshmint/agent/join_token/node-1";

/** The image has these, each its program's own (deploy/Dockerfile). */
const stateFolders = ["ceremony", "signer", "server", "agent", "join"].map((name) => join("state", name));

export type MeshOptions = {
  /** The program to test: bin/meshmint of a clone or of an image's folder. Default: this clone's. */
  readonly program?: string;
  /** Changes a configuration file's text: gets its name (`server.yaml`) and what it holds. */
  readonly adjust?: (file: string, text: string) => string;
  /** More that the programs find in their environment. */
  readonly environment?: Readonly<Record<string, string>>;
};

type ProgramName = "signer" | "server" | "agent";

/** One more node of a mesh: its agent, and where that serves. */
export type MeshNode = { readonly agent: Program; readonly socket: string; readonly agentId: string };

type Placed = Pick<MeshOptions, "environment"> & {
  readonly folder: string;
  readonly ports: readonly number[];
  readonly program: string;
};

/**
 * The mesh of deploy/compose.yaml as processes of this machine: ceremony, signer, server, one agent, run with the very
 * files of deploy/compose, whose paths and ports alone are moved to a folder and to ports of this test's own.
 */
export class Mesh {
  readonly folder: string;
  readonly signer: Program;
  readonly server: Program;
  readonly agent: Program;
  readonly adminSocket: string;
  readonly agentSocket: string;
  readonly grpcPort: number;
  readonly opsUrl: string;
  readonly #program: string;
  readonly #environment: Record<string, string>;
  readonly #nodes: MeshNode[] = [];
  readonly #isReady: Record<ProgramName, () => Promise<boolean>> = {
    signer: () => accepts(join(this.folder, "run/signer.sock")),
    server: () => answers(`${this.opsUrl}/ready`),
    agent: () => accepts(this.agentSocket),
  };

  private constructor({ folder, ports, program, environment }: Placed) {
    this.folder = folder;
    this.#program = program;
    this.grpcPort = ports[0] ?? 0;
    this.opsUrl = `http://127.0.0.1:${ports[1]}`;
    this.adminSocket = join(folder, "run/admin.sock");
    this.agentSocket = join(folder, "run/agent.sock");
    this.#environment = {
      PATH: `${join(program, "..")}:${process.env.PATH}`,
      SOFTHSM2_CONF: join(folder, "etc/softhsm2.conf"),
      MESHMINT_STATE: join(folder, "state"),
      MESHMINT_ADMIN: this.adminSocket,
      ...environment,
    };
    const run = (name: ProgramName) =>
      this.#launch(name, { command: program, argv: [name, "run", "-c", this.configFile(name)] });
    this.signer = run("signer");
    this.server = run("server");
    this.agent = run("agent");
  }

  /** The configuration that this program runs with. */
  configFile(name: ProgramName): string {
    return join(this.folder, `etc/${name}.yaml`);
  }

  /** A program of a test's own to run in place of the mesh's: `bin/node ENTRY CONFIG`, ready when that one would be. */
  substitute(name: "signer" | "server", entry: string, environment: Record<string, string> = {}): Program {
    const argv = [entry, this.configFile(name)];
    return this.#launch(name, { command: join(projectRoot, "bin/node"), argv, environment });
  }

  /** Holds the ceremonies, starts the three programs and enrols the node. */
  static async start(options: MeshOptions = {}): Promise<Mesh> {
    const folder = mkdtempSync(join(tmpdir(), "meshmint-mesh-"));
    const ports = await freePorts(5);
    const program = options.program ?? join(projectRoot, "bin/meshmint");
    const mesh = new Mesh({ ...options, folder, ports, program });
    try {
      mesh.#writeConfigurations(ports, options.adjust ?? ((_, text) => text));
      mesh.#script("prepare.sh", join(folder, "etc/ceremony.yaml"));
      await mesh.signer.start();
      await mesh.server.start();
      mesh.#script("enrol.sh");
      await mesh.agent.start();
      return mesh;
    } catch (thrown) {
      await mesh.stop();
      throw thrown;
    }
  }

  /** One more node, enrolled by a token of its own, whose agent runs as the first node's does. `stop` ends it too. */
  async addNode(name: string): Promise<MeshNode> {
    const configFile = join(this.folder, `etc/${name}.yaml`);
    const [socket, state] = [join(this.folder, `run/${name}.sock`), join(this.folder, `state/${name}`)];
    const tokenFile = join(this.folder, `state/join/${name}.token`);
    const { token } = this.cli("token", "create", "--node", name) as { token: string };
    mkdirSync(state, { mode: 0o700 });
    writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
    const first = readFileSync(this.configFile("agent"), "utf8");
    const config = first
      .replace(/^stateDir: .*$/m, `stateDir: ${state}`)
      .replace(/^joinTokenFile: .*$/m, `joinTokenFile: ${tokenFile}`)
      .replace(/^ops: .*$/m, "ops: 127.0.0.1:0")
      .replace(this.agentSocket, socket);
    writeFileSync(configFile, config);
    const argv = ["agent", "run", "-c", configFile];
    const environment = this.#environment;
    const isReady = () => accepts(socket);
    const agent = new Program({ name: `agent ${name}`, command: this.#program, argv, environment, isReady });
    const node = { agent, socket, agentId: `spiffe://mesh.example/meshmint/agent/join_token/${name}` };
    this.#nodes.push(node);
    await agent.start();
    return node;
  }

  /** Runs a command of the command line and gives its JSON answer. Throws with what it said when it fails. */
  cli(...argv: readonly string[]): unknown {
    return JSON.parse(this.#run(this.#program, [...argv, "--output", "json"]));
  }

  /** Registers whoever runs under this user (default: the test's own) as `spiffe://mesh.example/NAME`. */
  register(name: string, ...extra: readonly string[]): string {
    const id = `spiffe://mesh.example/${name}`;
    const selectors = extra.includes("--selector") ? [] : ["--selector", `unix:uid:${process.getuid?.()}`];
    this.cli("entry", "create", "--parent", agentId, "--spiffe-id", id, ...selectors, ...extra);
    return id;
  }

  /** What a client of the Workload API needs in its environment. */
  get clientEnvironment(): Record<string, string> {
    return { SPIFFE_ENDPOINT_SOCKET: `unix://${this.agentSocket}` };
  }

  /** Ends what runs, the agent first, and removes the folder. */
  async stop(): Promise<void> {
    const agents = [...this.#nodes.map(({ agent }) => agent), this.agent];
    for (const program of [...agents, this.server, this.signer]) await program.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #writeConfigurations(ports: readonly number[], adjust: (file: string, text: string) => string): void {
    for (const name of ["etc", "run", ...stateFolders])
      mkdirSync(join(this.folder, name), { recursive: true });
    for (const path of globSync("deploy/compose/*", { cwd: projectRoot })) {
      const text = this.#moved(readFileSync(join(projectRoot, path), "utf8"), ports);
      writeFileSync(join(this.folder, "etc", basename(path)), adjust(basename(path), text));
    }
  }

  /** The same text with this mesh's folder, ports and user instead of the containers'. */
  #moved(text: string, ports: readonly number[]): string {
    const [grpc, ops, web, api, agentOps] = ports;
    const moves: readonly (readonly [string, string])[] = [
      ["/run/meshmint", join(this.folder, "run")],
      ["/var/lib/meshmint", join(this.folder, "state")],
      ["/etc/meshmint", join(this.folder, "etc")],
      ["0.0.0.0:8443", `127.0.0.1:${grpc}`],
      ["server:8443", `127.0.0.1:${grpc}`],
      ["0.0.0.0:8444", `127.0.0.1:${ops}`],
      ["0.0.0.0:8445", `127.0.0.1:${agentOps}`],
      ["port_value: 8080", `port_value: ${web}`],
      ["port_value: 10443", `port_value: ${api}`],
      ["port_value: 9901", "port_value: 0"],
      ["port_value: 9902", "port_value: 0"],
      ["[10001, 10002]", `[${process.getuid?.()}]`],
      ["10010", String(process.getgid?.())],
    ];
    return moves.reduce((moved, [from, to]) => moved.replaceAll(from, to), text);
  }

  #launch(name: ProgramName, { environment, ...what }: Pick<Launch, "command" | "argv" | "environment">) {
    const whole = { ...this.#environment, ...environment };
    return new Program({ name, ...what, environment: whole, isReady: this.#isReady[name] });
  }

  #script(name: string, ...argv: readonly string[]): void {
    this.#run("sh", [join(this.folder, "etc", name), ...argv]);
  }

  #run(command: string, argv: readonly string[]): string {
    const run = spawnSync(command, argv, { encoding: "utf8", env: { ...process.env, ...this.#environment } });
    if (run.status === 0) return run.stdout;
    throw new Error(
      `${basename(command)} ${argv.join(" ")}: exit ${run.status}\n${run.stdout}${run.stderr}\n${this.server.log}`,
    );
  }
}
