import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Fault } from "../../foundation/fault.ts";

/** The one executable, beside `src` and `dist` alike. */
export const meshmintExecutable = fileURLToPath(new URL("../../../bin/meshmint", import.meta.url));

export type CommandRun = {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
};

/** Runs a meshmint command as an operator would and gives its JSON answer. Throws with what it said on stderr. */
export function runMeshmint(run: CommandRun, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = spawn(meshmintExecutable, [...run.argv, "--output", "json"], {
      cwd: run.folder,
      env: run.environment,
      stdio: ["ignore", "pipe", "pipe"],
      signal,
      detached: true, // a Ctrl-C reaches the demo alone, which ends this by the signal
    });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(out === "" ? undefined : JSON.parse(out));
      else reject(new Fault("INTERNAL", `meshmint ${run.argv.join(" ")}: exit ${code}: ${err.trim()}`));
    });
  });
}
