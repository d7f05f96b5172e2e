import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { part, projectRoot } from "./parts.ts";
import { Program } from "./program.ts";

export type ClientSvid = {
  spiffeId: string;
  serial: string;
  notAfter: string;
  chainPem: string;
  hint?: string;
  /** With `--with-keys`. */
  keyPem?: string;
};
export type Fetched = { svids: ClientSvid[]; bundles: Record<string, string[]> };
export type Dialled = { spiffeId: string; peer: string; answer: string };

/** One of the clients in test/clients: the same commands, the same answers. */
export type Client = { readonly name: string; readonly command: () => readonly string[] };

export const goClient: Client = {
  name: "go-spiffe",
  command: () => [join(part("go clients"), "spiffe-client")],
};

export const pythonClient: Client = {
  name: "py-spiffe",
  command: () => [part("python clients"), join(projectRoot, "test/clients/python/spiffe_client.py")],
};

export const nodeClient: Client = {
  name: "meshmint/client",
  command: () => [process.execPath, join(projectRoot, "test/clients/node/spiffe-client.ts")],
};

/** Runs a client to its end and gives the one JSON object it printed; throws with its `error` when it failed. */
export function ask<T>(
  client: Client,
  environment: Readonly<Record<string, string>>,
  ...argv: readonly string[]
): T {
  const [program = "", ...rest] = client.command();
  const run = spawnSync(program, [...rest, ...argv], {
    encoding: "utf8",
    env: { ...process.env, ...environment, PYTHONDONTWRITEBYTECODE: "1" },
    timeout: 30_000,
  });
  if (run.status === 0) return JSON.parse(run.stdout) as T;
  throw new Error(`${client.name} ${argv.join(" ")}: ${run.stdout}${run.stderr}`);
}

/** Starts a client that goes on (`serve`, `watch`) and resolves when it printed its first line. */
export async function startClient(
  client: Client,
  environment: Readonly<Record<string, string>>,
  ...argv: readonly string[]
): Promise<Program> {
  const [command = "", ...rest] = client.command();
  const program: Program = new Program({
    name: `${client.name} ${argv.join(" ")}`,
    command,
    argv: [...rest, ...argv],
    environment: { ...environment, PYTHONDONTWRITEBYTECODE: "1" },
    isReady: () => program.lines.length > 0,
  });
  await program.start();
  return program;
}
