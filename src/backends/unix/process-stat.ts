import { readFileSync } from "node:fs";

/**
 * Reads the start time (field 22) from the text of /proc/PID/stat; undefined for a zombie or dead process and for text
 * of another shape. The second field, the name in parentheses, may itself hold spaces and `)`: what counts is what
 * follows the last `)` (proc_pid_stat(5)).
 */
export function parseStartTime(stat: string): string | undefined {
  const end = stat.lastIndexOf(")");
  if (end < 0) return undefined;
  const fields = stat.slice(end + 2).split(" ");
  const state = fields[0];
  const startTime = fields[19]; // field 22 of the whole; the slice begins with field 3
  if (state === undefined || "ZXx".includes(state)) return undefined;
  return startTime !== undefined && /^\d{1,20}$/.test(startTime) ? startTime : undefined;
}

/** Start time of the process in clock ticks since boot, or undefined when no such process runs. */
export function readStartTime(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined; // pid 0: the peer is outside our pid namespace
  try {
    return parseStartTime(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}
