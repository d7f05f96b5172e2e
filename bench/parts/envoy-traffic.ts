import { copyFileSync, linkSync, writeFileSync } from "node:fs";
import { apiBootstrap, webBootstrap } from "../../src/programs/demo/envoy-bootstrap.ts";
import { findEnvoy } from "../../src/programs/demo/find-envoy.ts";
import { type LoadCount, LoadGenerator } from "../../src/programs/demo/load-generator.ts";
import { freePorts } from "../../test/parts/free-ports.ts";
import { answers, Program } from "../../test/parts/program.ts";
import type { BenchMesh, MeshAgent } from "./bench-mesh.ts";

const requestsPerSecond = 40;

/** Two real Envoys, of which one calls the other over mTLS for as long as it runs: on new connections most of the time. */
export class EnvoyTraffic {
  readonly #programs: readonly Program[];
  readonly #load: LoadGenerator;

  private constructor(programs: readonly Program[], load: LoadGenerator) {
    this.#programs = programs;
    this.#load = load;
  }

  /** Registers both at this agent, raises them and begins. */
  static async start(
    mesh: BenchMesh,
    { agent, ttlSeconds }: { readonly agent: MeshAgent; readonly ttlSeconds: number },
    signal: AbortSignal,
  ): Promise<EnvoyTraffic> {
    const envoy = await findEnvoy({ named: process.env.MESHMINT_ENVOY, searchPath: process.env.PATH ?? "" });
    const [apiPort = 0, webPort = 0, apiAdmin = 0, webAdmin = 0] = await freePorts(4);
    const plan = (name: string, listenPort: number, adminPort: number) => ({
      ...{ name, listenPort, adminPort, agentSocket: agent.socket },
      spiffeId: `spiffe://${mesh.trustDomain}/${name}`,
    });
    const [api, web] = [plan("api", apiPort, apiAdmin), plan("web", webPort, webAdmin)];
    const called = { spiffeId: api.spiffeId, port: apiPort };
    const bootstraps = [
      [api, apiBootstrap(api, mesh.trustDomain)],
      [web, webBootstrap({ ...web, api: called })],
    ] as const;
    const programs: Program[] = [];
    for (const [{ name, spiffeId, adminPort }, bootstrap] of bootstraps) {
      const executable = mesh.path(`envoy-${name}`);
      placeAt(executable, envoy);
      const selectors = [`unix:path:${executable}`];
      const entry = { spiffeId, parentId: agent.spiffeId, selectors, x509TtlSeconds: ttlSeconds };
      await mesh.admin.call("CreateEntry", { entry }, signal);
      writeFileSync(mesh.path(`envoy-${name}.json`), JSON.stringify(bootstrap));
      const argv = ["-c", mesh.path(`envoy-${name}.json`), "--disable-hot-restart", "--concurrency", "1"];
      const url = name === "web" ? `http://127.0.0.1:${webPort}/` : `http://127.0.0.1:${adminPort}/ready`;
      const isReady = () => answers(url);
      const program = new Program({
        name,
        command: executable,
        argv: [...argv, "--log-level", "error"],
        isReady,
      });
      programs.push(program);
      mesh.also(program);
      await program.start();
    }
    const load = new LoadGenerator({ ports: [webPort], perSecond: requestsPerSecond, expectedBody: "api" });
    load.start();
    return new EnvoyTraffic(programs, load);
  }

  async stop(): Promise<LoadCount> {
    const count = await this.#load.stop();
    for (const program of this.#programs) await program.stop();
    return count;
  }
}

/** A path of its own for each, without a copy where the file system allows it. */
function placeAt(path: string, envoy: string): void {
  try {
    linkSync(envoy, path);
  } catch {
    copyFileSync(envoy, path);
  }
}
