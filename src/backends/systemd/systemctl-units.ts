import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { UnitDirectory, UnitFacts } from "../../agent/attest-workload/systemd-attestor.ts";
import type { UnitPlace } from "../../domain/workload/systemd-unit.ts";
import type { Stopwatch } from "../../foundation/clock.ts";
import { Fault } from "../../foundation/fault.ts";
import { cgroupMount } from "./cgroup-mount.ts";

export type SystemctlUnitsOptions = {
  readonly stopwatch: Stopwatch;
  /** Ends what is asked of systemd for everybody. */
  readonly lifetime: AbortSignal;
  /** How long systemctl may take, in milliseconds. */
  readonly withinMs: number;
  readonly command?: string;
  /** There exactly while systemd manages the machine: sd_booted(3). */
  readonly bootedFolder?: string;
};

const properties = "Id,FragmentPath,ControlGroup";
/** A node may start the same unit's thousand processes at once. */
const freshMs = 5000;
const mostCached = 1024;
const mostBytes = 64 * 1024;

/** The units of this node, as `systemctl show` has them from systemd's own socket. */
export class SystemctlUnits implements UnitDirectory {
  readonly #options: SystemctlUnitsOptions;
  readonly #cache = new Map<
    string,
    { readonly atMs: number; readonly said: Promise<UnitFacts | "no-manager"> }
  >();

  constructor(options: SystemctlUnitsOptions) {
    this.#options = options;
  }

  async describe(unit: string, signal: AbortSignal): Promise<UnitFacts | "no-manager"> {
    const { stopwatch, bootedFolder = "/run/systemd/system" } = this.#options;
    if (!existsSync(bootedFolder)) return "no-manager";
    signal.throwIfAborted();
    const known = this.#cache.get(unit);
    if (known && stopwatch.ms() - known.atMs <= freshMs) return known.said;
    const said = this.#ask(unit);
    this.#cache.delete(unit);
    this.#cache.set(unit, { atMs: stopwatch.ms(), said });
    if (this.#cache.size > mostCached) this.#cache.delete(this.#cache.keys().next().value ?? unit);
    said.catch(() => {
      if (this.#cache.get(unit)?.said === said) this.#cache.delete(unit);
    });
    return said;
  }

  async isRoots({ hierarchy, slices }: UnitPlace): Promise<boolean> {
    try {
      const mount = cgroupMount(await readFile("/proc/self/mountinfo", "utf8"), hierarchy);
      if (mount === undefined) return false;
      const folders = [mount, ...slices.map((_, at) => join(mount, ...slices.slice(0, at + 1)))];
      const found = await Promise.all(folders.map((folder) => lstat(folder)));
      return found.every(({ uid, mode }) => uid === 0 && (mode & 0o022) === 0);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw new Fault("ATTESTOR_UNAVAILABLE", `control groups cannot be looked at: ${cause}`, { cause });
    }
  }

  /** The name is one that systemd could have given: it passes for no option, and there is no shell to expand it. */
  #ask(unit: string): Promise<UnitFacts | "no-manager"> {
    const { command = "systemctl", lifetime, withinMs } = this.#options;
    const argv = ["show", `--property=${properties}`, "--no-pager", "--", unit];
    const env = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
    const limits = { env, signal: lifetime, timeout: withinMs, maxBuffer: mostBytes };
    return new Promise((resolve, reject) => {
      execFile(command, argv, limits, (error, stdout, stderr) => {
        if (error?.code === "ENOENT") return resolve("no-manager");
        if (!error) return resolve(parseProperties(stdout));
        const why =
          stderr.split("\n", 1)[0] || (error.killed ? `no answer in ${withinMs} ms` : error.message);
        reject(new Fault("ATTESTOR_UNAVAILABLE", `systemctl show ${unit}: ${why}`, { cause: error }));
      });
    });
  }
}

/** `Name=value` lines, as `systemctl show` prints them; a property that is not set has an empty value. */
export function parseProperties(text: string): UnitFacts {
  const found = new Map<string, string>();
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    if (equals > 0) found.set(line.slice(0, equals), line.slice(equals + 1));
  }
  const value = (name: string) => found.get(name) ?? "";
  return { id: value("Id"), fragmentPath: value("FragmentPath"), controlGroup: value("ControlGroup") };
}
