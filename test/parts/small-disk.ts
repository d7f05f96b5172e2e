import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** Only root may mount a file system. */
export const canMount = process.getuid?.() === 0;

/** A file system of its own, of a few megabytes, in memory: one that can be really full. */
export class SmallDisk {
  readonly path: string;
  readonly #ballast: string;

  /** Mounted at this folder, which is made. Throws where that is not allowed. */
  constructor(path: string, mebibytes: number) {
    mkdirSync(path, { recursive: true });
    run("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m,mode=0777`, "meshmint-test", path]);
    this.path = path;
    this.#ballast = join(path, "ballast");
  }

  /** Takes all the room that is left. */
  fill(): void {
    const fd = openSync(this.#ballast, "a");
    try {
      for (let size = 1 << 20; size >= 1; ) {
        try {
          writeSync(fd, Buffer.alloc(size));
        } catch {
          size = Math.floor(size / 2); // no room for so much: all that is left, to the last byte
        }
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Gives back what `fill` took. */
  makeRoom(): void {
    rmSync(this.#ballast, { force: true });
  }

  remove(): void {
    run("umount", ["-l", this.path]);
  }
}

function run(command: string, argv: readonly string[]): void {
  const { status, stderr } = spawnSync(command, argv, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${argv.join(" ")}: ${stderr}`);
}
