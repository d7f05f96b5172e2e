import { ok, type Result, refused } from "../../foundation/result.ts";

/** Where a process is in one hierarchy of control groups. */
export type CgroupPath = {
  /** Empty for the unified hierarchy (version 2), `name=systemd` for systemd's own of version 1, else its controllers. */
  readonly hierarchy: string;
  /** How far above the reader's own cgroup namespace the path begins; 0 where it begins at the top. */
  readonly up: number;
  readonly parts: readonly string[];
};

const most = { bytes: 256 * 1024, lines: 128, part: 255 } as const;

/**
 * Reads the text of /proc/PID/cgroup (cgroups(7)). The kernel writes it, but the names in it are whatever those called them
 * who may make groups. Refuses what the kernel would not write, and a process whose group has been removed.
 */
export function parseCgroups(text: string): Result<readonly CgroupPath[], string> {
  const lines = text.split("\n").filter((line) => line !== "");
  if (text.length > most.bytes || lines.length > most.lines) return refused("a text that no kernel writes");
  const paths: CgroupPath[] = [];
  for (const line of lines) {
    const path = parseLine(line);
    if (!path.ok) return path;
    paths.push(path.value);
  }
  return ok(paths);
}

function parseLine(line: string): Result<CgroupPath, string> {
  const [, hierarchy, path] = /^\d{1,10}:([^:]*):\/(.*)$/s.exec(line) ?? [];
  if (hierarchy === undefined || path === undefined) return refused("a line that is no control group's");
  if (path.endsWith(" (deleted)")) return refused("a control group that has been removed");
  const parts = path === "" ? [] : path.split("/");
  const firstName = parts.findIndex((part) => part !== "..");
  const up = firstName < 0 ? parts.length : firstName;
  const names = parts.slice(up);
  const isOdd = (name: string) => name === "" || name === "." || name === ".." || name.length > most.part;
  return names.some(isOdd)
    ? refused("a path with empty, relative or over-long parts")
    : ok({ hierarchy, up, parts: names });
}
