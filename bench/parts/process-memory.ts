import { readdirSync, readFileSync } from "node:fs";
import { treeOf } from "./process-cpu.ts";

/** What a process holds at one moment. */
export type Held = { readonly rssMiB: number; readonly descriptors: number };

/** Each process of the tree below `pid`, itself first, in the order in which they were begun. */
export function heldByTree(pid: number): readonly Held[] {
  return treeOf(pid).map((each) => ({
    rssMiB: rssMiB(each),
    descriptors: readdirSync(`/proc/${each}/fd`).length,
  }));
}

/** VmRSS of proc(5), which the kernel gives in KiB. */
function rssMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(line?.[1] ?? Number.NaN) / 1024;
}

/** The slope of the straight line that lies closest to the points (least squares). */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const up = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const across = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return up / across;
}
