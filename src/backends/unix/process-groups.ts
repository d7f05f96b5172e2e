import { readFile } from "node:fs/promises";
import { isAbsent, unavailable } from "./unreadable.ts";

/** The supplementary groups in the text of /proc/PID/status (proc_pid_status(5)). None in text of another shape. */
export function parseGroups(status: string): readonly number[] {
  const line = /^Groups:[\t ]*([\d ]*)$/m.exec(status)?.[1] ?? "";
  return line
    .split(" ")
    .filter((text) => /^\d{1,10}$/.test(text))
    .map(Number);
}

/** None when no such process runs. Rejects with ATTESTOR_UNAVAILABLE when that cannot be told. */
export async function readGroups(pid: number): Promise<readonly number[]> {
  const file = `/proc/${pid}/status`;
  try {
    return parseGroups(await readFile(file, "latin1"));
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw unavailable(file, thrown);
  }
}
