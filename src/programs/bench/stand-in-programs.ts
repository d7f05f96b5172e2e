import { chmod, copyFile, link, lstat, mkdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { Fault } from "../../foundation/fault.ts";

/**
 * A folder in which each simulated holder has a program of its own, so that a registration entry can be for just that
 * one (`unix:path:FOLDER/holder-7`). All are names of one copy of the shell.
 */
export class StandInPrograms {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws CONFIG_INVALID for a folder that others may write to: what lies there is executed. */
  static async open(folder: string): Promise<StandInPrograms> {
    await mkdir(folder, { recursive: true, mode: 0o711 });
    const { uid, mode } = await lstat(folder);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
      throw new Fault("CONFIG_INVALID", `${folder} must be yours, and not writable for others`);
    }
    const programs = new StandInPrograms(await realpath(folder));
    const shell = programs.#path("shell");
    await rm(shell, { force: true });
    await copyFile(await realpath("/bin/sh"), shell);
    await chmod(shell, 0o755);
    return programs;
  }

  /** The program of each holder, in their order. */
  async forEach(plans: readonly { readonly n: number }[]): Promise<string[]> {
    const paths: string[] = [];
    for (const { n } of plans) {
      const path = this.#path(`holder-${n}`);
      await rm(path, { force: true });
      await link(this.#path("shell"), path);
      paths.push(path);
    }
    return paths;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
