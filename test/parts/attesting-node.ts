import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import type { Mesh } from "./mesh.ts";
import { projectRoot } from "./parts.ts";
import { accepts, Program } from "./program.ts";

type AgentLine = { readonly how?: string; readonly spiffeId?: string; readonly notAfter?: string };

/** One more node of a mesh, whose agent proves it by what `attestation` (YAML) says and not by a token. */
export class AttestingNode {
  readonly folder: string;
  readonly socket: string;
  readonly agent: Program;

  constructor(mesh: Mesh, name: string, attestation: string) {
    this.folder = join(mesh.folder, "state", name);
    this.socket = join(mesh.folder, "run", `${name}.sock`);
    mkdirSync(this.folder, { mode: 0o700 });
    const configFile = join(mesh.folder, `etc/${name}.yaml`);
    const config = readFileSync(mesh.configFile("agent"), "utf8")
      .replace(/^stateDir: .*$/m, `stateDir: ${this.folder}`)
      .replace(/^joinTokenFile: .*$/m, `nodeAttestation: ${attestation}`)
      .replace(/^ops: .*$/m, "ops: 127.0.0.1:0")
      .replace(mesh.agentSocket, this.socket);
    writeFileSync(
      configFile,
      `${config}\ntrustBundleFile: ${join(mesh.folder, "state/ceremony/root.pem")}\n`,
    );
    const argv = ["agent", "run", "-c", configFile];
    const command = join(projectRoot, "bin/meshmint");
    this.agent = new Program({ name, command, argv, isReady: () => accepts(this.socket) });
  }

  /** The node SVIDs that it said it has, in order. */
  get held(): AgentLine[] {
    return (this.agent.lines as AgentLine[]).filter(({ how }) => how !== undefined);
  }

  /** Starts it and resolves with its SPIFFE ID once it has one. */
  async join(): Promise<string> {
    await this.agent.start();
    return await this.#said("to be attested", () => this.held[0]?.spiffeId);
  }

  /** Resolves once it has attested `times` times. */
  async attested(times: number): Promise<void> {
    const count = () => this.held.filter(({ how }) => how === "attested").length;
    await this.#said(`to have attested ${times} times`, () => count() >= times);
  }

  async #said<T>(what: string, look: () => T | undefined | false): Promise<T> {
    return await eventually(`the node ${what}`, look).catch((thrown: Error) => {
      throw new Error(`${thrown.message}; it printed:\n${this.agent.log}`);
    });
  }
}
