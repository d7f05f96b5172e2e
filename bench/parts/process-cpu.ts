import { readdirSync, readFileSync } from "node:fs";

/** utime and stime of proc(5) count in USER_HZ, which Linux fixes at 100 for every program. */
const microsPerTick = 10_000;

/**
 * CPU that a process, all of its threads and all of its descendants have used so far, in microseconds of user and system
 * time, to 10 ms. Descendants that have ended count once their parent has waited for them.
 */
export function treeCpuMicros(pid: number): number {
  return treeOf(pid).reduce((sum, each) => sum + ownCpuMicros(each), 0);
}

/** CPU of each thread by its name, over the whole tree, in microseconds to the nanosecond; ended threads are left out. */
export function threadCpuMicros(pid: number): ReadonlyMap<string, number> {
  const byName = new Map<string, number>();
  for (const each of treeOf(pid)) {
    for (const thread of listed(`/proc/${each}/task`)) {
      const folder = `/proc/${each}/task/${thread}`;
      const [onCpuNanos] = textOf(`${folder}/schedstat`).split(" ");
      const name = textOf(`${folder}/comm`).trim();
      byName.set(name, (byName.get(name) ?? 0) + Number(onCpuNanos) / 1000);
    }
  }
  return byName;
}

/** The process and its living descendants. */
export function treeOf(pid: number): number[] {
  const children = listed(`/proc/${pid}/task`).flatMap((thread) =>
    textOf(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(treeOf)];
}

/** Its own utime and stime, and those of the children it has waited for: fields 14 to 17 of /proc/PID/stat. */
function ownCpuMicros(pid: number): number {
  // The name in the second field may hold blanks and brackets, so counting begins behind its last bracket.
  const fields = textOf(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * microsPerTick;
}

/** "" for what has ended meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
