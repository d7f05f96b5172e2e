import { mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { cgroupMount } from "../../src/backends/systemd/cgroup-mount.ts";

const mount = cgroupMount(readFileSync("/proc/self/mountinfo", "utf8"), "");

/** Control groups of a test's own, below the top of this machine's unified hierarchy. */
export class Cgroups {
  #made: string[] = [];

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

  /** Makes the group of this path, below groups that may be there already; gives the file that takes processes in. */
  make(path: string): string {
    if (mount === undefined) throw new Error("no unified hierarchy is mounted whole");
    const folder = join(mount, path);
    const groups: string[] = [];
    for (let at = folder; at !== mount; at = dirname(at)) groups.unshift(at);
    for (const group of groups.filter((one) => !this.#made.includes(one))) {
      mkdirSync(group, { recursive: true });
      this.#made.push(group);
    }
    return join(folder, "cgroup.procs");
  }

  /**
   * What it used, from the bottom up, as far as it is empty: groups above may be another run's too, and go with the last.
   * Throws while a process is in one that it alone has made.
   */
  remove(): void {
    for (const group of this.#made.reverse()) {
      try {
        rmdirSync(group);
      } catch (thrown) {
        const code = (thrown as NodeJS.ErrnoException).code;
        const isOthers =
          code === "ENOTEMPTY" ||
          (code === "EBUSY" && readdirSync(group, { withFileTypes: true }).some((one) => one.isDirectory()));
        if (code !== "ENOENT" && !isOthers) throw thrown;
      }
    }
    this.#made = [];
  }
}
