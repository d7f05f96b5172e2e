import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import type { AdminClient, AdminReply } from "../../src/backends/admin-client/admin-client.ts";
import { eventually } from "./eventually.ts";
import type { Mesh } from "./mesh.ts";
import { projectRoot } from "./parts.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
const limitMs = 90_000;

/** Operates a mesh by the command line, and looks at it by the admin API, without waiting in this thread: it carries the traffic. */
export class MeshOperator {
  readonly #mesh: Mesh;
  readonly #admin: AdminClient;

  constructor({ mesh, admin }: { readonly mesh: Mesh; readonly admin: AdminClient }) {
    this.#mesh = mesh;
    this.#admin = admin;
  }

  /** The JSON answer of a command. Rejects with what it said when it fails. */
  async cli(...argv: readonly string[]): Promise<unknown> {
    const env = { ...process.env, MESHMINT_ADMIN: this.#mesh.adminSocket };
    const { stdout } = await run(join(projectRoot, "bin/meshmint"), [...argv, "--output", "json"], { env });
    return JSON.parse(stdout);
  }

  async rotation(): Promise<AdminReply<"GetRotation">> {
    return await this.#admin.call("GetRotation", {}, never);
  }

  async incident(): Promise<AdminReply<"GetIncident">> {
    return await this.#admin.call("GetIncident", {}, never);
  }

  /** Where the rotation is and who is behind, for a person who reads of a failure. */
  async standing(): Promise<string> {
    const { phase, laggards } = await this.rotation();
    const behind = laggards.map(({ label, reason }) => `${label}: ${reason}`);
    return `the phase is ${phase}; behind: ${behind.join("; ") || "nobody"}`;
  }

  /** Resolves when the rotation is in this phase. */
  async reached(phase: string): Promise<void> {
    const look = async () => (await this.rotation()).phase === phase;
    await eventually(`the phase ${phase}`, look, limitMs).catch(async (thrown: Error) => {
      throw new Error(`${thrown.message}; ${await this.standing()}`);
    });
  }

  /** Resolves when the last incident is in this stage. */
  async stage(stage: string): Promise<void> {
    await eventually(
      `the incident's stage ${stage}`,
      async () => (await this.incident()).stage === stage,
      limitMs,
    );
  }

  /** The id of the holder that this process is under this SPIFFE ID. */
  async holderOf(pid: number, spiffeId: string): Promise<string> {
    const { proxies } = await this.#admin.call("ListProxies", { laggingOnly: false }, never);
    const found = proxies.find(({ holder }) => holder?.pid === pid && holder.spiffeId === spiffeId);
    if (found === undefined) throw new Error(`${spiffeId} in process ${pid} is no holder`);
    return found.id;
  }

  /** When the Envoys of a node were given what they have of this kind, and took it; by who, and name. */
  async given(agentId: string, kind: "SECRET_KIND_BUNDLE" | "SECRET_KIND_LEAF") {
    const { proxies } = await this.#admin.call("ListProxies", { laggingOnly: false }, never);
    const held = proxies.flatMap(({ holder }) =>
      holder?.agentId === agentId && holder.kind === "HOLDER_KIND_SDS"
        ? holder.secrets.map((secret) => ({ pid: holder.pid, ...secret }))
        : [],
    );
    return held
      .filter((secret) => secret.kind === kind)
      .map(({ pid, name, channel, deliveredAtMs, acknowledgedAtMs }) => ({
        secret: `${pid} ${name} ${channel}`,
        deliveredAtMs: Number(deliveredAtMs),
        acknowledgedAtMs: Number(acknowledgedAtMs),
      }))
      .toSorted((a, b) => (a.secret < b.secret ? -1 : 1));
  }

  /** Resolves when nobody is behind but this holder, and the certificate with its SPIFFE ID. */
  async aloneBehind(id: string, spiffeId: string): Promise<void> {
    const look = async () => {
      const { laggards } = await this.rotation();
      const others = laggards.filter((one) => one.id !== id && !one.label.includes(spiffeId));
      return others.length === 0 && laggards.some((one) => one.id === id);
    };
    await eventually(`${id} alone to be behind`, look, limitMs);
  }
}
