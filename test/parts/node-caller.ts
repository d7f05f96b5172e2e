import { join } from "node:path";
import type { NodeCredentials } from "../../src/agent/node/node-credentials.ts";
import type { IssuedChain } from "../../src/agent/svids/svid-issuer.ts";
import { ServerClient } from "../../src/backends/server-client/server-client.ts";
import { NodeFiles } from "../../src/backends/state-dir/node-files.ts";
import type { Der } from "../../src/domain/certificate/der.ts";
import type { Bundle } from "../../src/domain/trust/bundle.ts";
import { newP256Csr } from "../fakes/csr-maker.ts";
import { eventually } from "./eventually.ts";
import type { Mesh } from "./mesh.ts";

const never = new AbortController().signal;

type Trust = { readonly credentials: NodeCredentials; readonly bundle: Bundle };

async function loadTrust(files: NodeFiles): Promise<Trust> {
  const credentials = await eventually("the node's SVID", () => files.loadNode());
  return { credentials, bundle: await eventually("the bundle", () => files.loadBundle()) };
}

/** The node of a mesh, asking for leaves of one registration by the agent's own stream, without an agent. */
export class NodeCaller {
  readonly #address: { readonly host: string; readonly port: number };
  #trust: Trust;
  readonly #entryId: string;
  readonly #files: NodeFiles;
  #client: ServerClient;

  private constructor(mesh: Mesh, files: NodeFiles, { trust, entryId }: { trust: Trust; entryId: string }) {
    this.#address = { host: "127.0.0.1", port: mesh.grpcPort };
    this.#files = files;
    this.#trust = trust;
    this.#entryId = entryId;
    this.#client = this.#connect();
  }

  /** Takes over what the mesh's agent, which has joined, keeps in its state folder; stops that agent. */
  static async inPlaceOfAgent(mesh: Mesh): Promise<NodeCaller> {
    const caller = await NodeCaller.besideAgent(mesh);
    await mesh.agent.stop();
    return caller;
  }

  /** The same while the agent goes on, which renews the node's SVID: see `refresh`. */
  static async besideAgent(mesh: Mesh): Promise<NodeCaller> {
    const files = new NodeFiles(join(mesh.folder, "state/agent"));
    const trust = await loadTrust(files);
    const { entries } = mesh.cli("entry", "list") as { entries: { id: string; spiffeId: string }[] };
    const web = entries.find(({ spiffeId }) => spiffeId.endsWith("/web"));
    if (web === undefined) throw new Error("the mesh has no entry for web");
    return new NodeCaller(mesh, files, { trust, entryId: web.id });
  }

  /** Connects anew with the SVID and the bundle that the agent has now. */
  async refresh(): Promise<void> {
    this.#trust = await loadTrust(this.#files);
    this.reconnect();
  }

  newCsrs(count: number): Der[] {
    return Array.from({ length: count }, newP256Csr);
  }

  /** One batch, asked once: the chain, the refusal's code, or the failure's code, for each. */
  async ask(csrs: readonly Der[]): Promise<(IssuedChain | string)[]> {
    return await Promise.all(
      csrs.map((csr) =>
        this.#client.issue({ entryId: this.#entryId, csr }, never).then(
          (outcome) => (outcome.ok ? outcome.value : outcome.error.code),
          (thrown: { code?: string }) => thrown.code ?? "INTERNAL",
        ),
      ),
    );
  }

  /** Asks for a new node SVID: the code of the failure, or "issued". */
  async renew(): Promise<string> {
    const [csr] = this.newCsrs(1);
    if (csr === undefined) throw new Error("no CSR");
    return await this.#client.renewNode(csr, never).then(
      () => "issued",
      (thrown: { code?: string }) => thrown.code ?? "INTERNAL",
    );
  }

  /** Asks again, as a caller does that was told to come again or got no answer, until all are issued. */
  async insist(csrs: readonly Der[], limitMs?: number): Promise<IssuedChain[]> {
    const ask = async () => {
      const answers = await this.ask(csrs);
      const issued = answers.filter((answer) => typeof answer !== "string");
      if (issued.length === csrs.length) return issued;
      this.reconnect();
      return undefined;
    };
    return await eventually("every CSR to have its certificate", ask, limitMs);
  }

  /** At once, and not when the old channel's back-off ends. */
  reconnect(): void {
    this.#client.close();
    this.#client = this.#connect();
  }

  close(): void {
    this.#client.close();
  }

  #connect(): ServerClient {
    return new ServerClient({ address: this.#address, programVersion: "test" }, this.#trust);
  }
}
