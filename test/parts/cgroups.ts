import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { cgroupMount } from "../../src/backends/systemd/cgroup-mount.ts";

const mount = cgroupMount(readFileSync("/proc/self/mountinfo", "utf8"), "");

/** Control groups of a test's own, below the top of this machine's unified hierarchy. */
export class Cgroups {
  readonly #made: string[] = [];

  /** Whether this machine lets us: root, and a hierarchy that is mounted whole and writable. */
  static get canBeMade(): boolean {
    const probe = new Cgroups();
    try {
      probe.make(`/meshmint-probe-${process.pid}`);
      return process.getuid?.() === 0;
    } catch {
      return false;
    } finally {
      probe.remove();
    }
  }

  /** Makes the group of this path, and those above it that are not there; gives the file that takes processes in. */
  make(path: string): string {
    if (mount === undefined) throw new Error("no unified hierarchy is mounted whole");
    const folder = join(mount, path);
    const missing: string[] = [];
    for (let at = folder; !existsSync(at); at = dirname(at)) missing.unshift(at);
    for (const group of missing) {
      mkdirSync(group);
      this.#made.push(group);
    }
    return join(folder, "cgroup.procs");
  }

  /** Only what it made; the processes in it have ended. */
  remove(): void {
    for (const group of this.#made.splice(0).reverse()) rmdirSync(group);
  }
}
