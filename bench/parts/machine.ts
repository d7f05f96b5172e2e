import { spawnSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import process from "node:process";

/** What the figures depend on, taken before anything is measured. */
export function describeMachine(): Readonly<Record<string, string | number>> {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    node_openssl: process.versions.openssl ?? "none",
    openssl: firstLineOf("openssl", "version"),
    softhsm: firstLineOf("softhsm2-util", "--version"),
    load_average_at_start: loadavg()[0] ?? 0,
    started_at: new Date().toISOString(),
  };
}

function firstLineOf(command: string, argument: string): string {
  const { stdout } = spawnSync(command, [argument], { encoding: "utf8" });
  return stdout?.split("\n")[0]?.trim() || "not found";
}
