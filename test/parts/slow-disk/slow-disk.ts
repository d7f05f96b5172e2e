import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Makes fsync and fdatasync slow for the programs that are started with its environment. Needs cc. */
export class SlowDisk {
  /** For the programs whose disk it is to be. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #orders: string;

  /** `folder` ends with the test. */
  constructor(folder: string) {
    const library = join(folder, "slow-fsync.so");
    this.#orders = join(folder, "slow-fsync.ms");
    const source = fileURLToPath(new URL("./slow-fsync.c", import.meta.url));
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"]);
    this.delay(0);
    this.environment = { LD_PRELOAD: library, SLOW_FSYNC_FILE: this.#orders };
  }

  /** From the next call on each takes at least so many milliseconds. */
  delay(ms: number): void {
    writeFileSync(this.#orders, ms === 0 ? "" : String(ms));
  }
}
