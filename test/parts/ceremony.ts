import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Pkcs11TokenDoor } from "../../src/backends/pkcs11/ceremony-token.ts";
import type { Pkcs11Module } from "../../src/backends/pkcs11/module.ts";
import type { CeremonyToken } from "../../src/control/ceremony/ports.ts";
import type { Transcript } from "../../src/control/ceremony/transcript.ts";
import { projectRoot } from "./parts.ts";
import { makeSoftHsm } from "./softhsm.ts";

export type RunResult = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Runs the real command line to its end. */
export function meshmint(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): RunResult {
  const run = spawnSync("sh", [join(projectRoot, "bin/meshmint"), ...argv], {
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
  return { status: run.status ?? -1, stdout: run.stdout, stderr: run.stderr };
}

export type HeldCeremony = { readonly plan: readonly string[]; readonly transcript: Transcript };

/** A SoftHSM and a folder in which ceremonies can be held, one configuration after the other. */
export class CeremonyRoom {
  readonly folder = mkdtempSync(join(tmpdir(), "meshmint-ceremony-"));
  readonly hsm = makeSoftHsm();
  readonly trustDomain: string;

  constructor(trustDomain = "mesh.example") {
    this.trustDomain = trustDomain;
    writeFileSync(join(this.folder, "user.pin"), "user-1234\n");
    writeFileSync(join(this.folder, "so.pin"), "so-1234\n");
  }

  /** Writes `NAME.yaml` with outputs in the folder `NAME`; `extra` is more YAML at the top level. */
  configure(name: string, extra = ""): string {
    const file = join(this.folder, `${name}.yaml`);
    const token = (label: string) =>
      `{ label: ${label}, pinFile: user.pin, initialize: true, soPinFile: so.pin }`;
    writeFileSync(
      file,
      `program: ceremony
trustDomain: "${this.trustDomain}"
module: ${this.hsm.module}
outputFolder: ${name}
offlineToken: ${token("offline")}
root: { label: root ${name} }
issuingToken: ${token("issuing")}
${extra.includes("intermediate:") ? "" : `intermediate: { label: issuing ${name} }`}
${extra}
`,
    );
    return file;
  }

  run(kind: "root" | "intermediate" | "cross", config: string, ...flags: string[]): RunResult {
    return meshmint(["ceremony", kind, "-c", config, "--output", "json", ...flags]);
  }

  /** Holds a ceremony that must succeed. */
  hold(kind: "root" | "intermediate" | "cross", config: string): HeldCeremony {
    const { status, stdout, stderr } = this.run(kind, config);
    if (status !== 0) throw new Error(`ceremony ${kind}: exit ${status}: ${stderr}`);
    return JSON.parse(stdout);
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    this.hsm.remove();
  }
}

/**
 * Root "old" (P-256) with its stock, and root "next" (P-384, past 2049) with one intermediate that may sign DNS names
 * under mesh.example, cross-signed by the old one. Files: `old/root.pem`, `old/issuing old-1.pem`, `next/root.pem`,
 * `next/next-1.pem`, `next/cross.pem`.
 */
export function holdTwoGenerations(room: CeremonyRoom): void {
  const old = room.configure("old");
  room.hold("root", old);
  room.hold("intermediate", old);
  const next = room.configure(
    "next",
    `cross: { oldRootLabel: root old }\nintermediate: { label: next, dnsSubtrees: [mesh.example], curve: P-384, count: 1 }`,
  );
  writeFileSync(
    next,
    readFileSync(next, "utf8").replace(
      "{ label: root next }",
      "{ label: root next, curve: P-384, lifetime: 10000d }",
    ),
  );
  room.hold("root", next);
  room.hold("intermediate", next);
  room.hold("cross", next);
}

/** The issuing token of a CeremonyRoom, for signing what no program of ours would. */
export async function openIssuingToken(module: Pkcs11Module): Promise<CeremonyToken> {
  const door = new Pkcs11TokenDoor(module, {
    label: "issuing",
    readPin: async () => new TextEncoder().encode("user-1234"),
    readSoPin: undefined,
  });
  const token = await door.find(new AbortController().signal);
  if (!token) throw new Error("the room has no issuing token");
  return token;
}
