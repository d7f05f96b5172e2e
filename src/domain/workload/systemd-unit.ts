import { ok, type Result, refused } from "../../foundation/result.ts";
import type { CgroupPath } from "./cgroup-paths.ts";

/** A unit of the system's own manager, and where its control group is. */
export type UnitPlace = {
  readonly unit: string;
  readonly hierarchy: CgroupPath["hierarchy"];
  /** The slices above it, outermost first. */
  readonly slices: readonly string[];
  /** As systemd's property ControlGroup has it. */
  readonly path: string;
};

const unitName = /^[A-Za-z0-9:_.\\@-]+\.(service|scope|socket|mount|swap)$/;
const sliceName = /^[A-Za-z0-9:_.\\@-]+\.slice$/;

/**
 * The unit that the control groups of a process name: the first below the slices, whatever lies deeper. What lies deeper is
 * the unit's own to name: a user's manager, its services and a container's inner systemd are all within one unit of the
 * system. Undefined when the process is in no unit. Refuses, with the reason, what systemd does not make.
 */
export function unitOf(paths: readonly CgroupPath[]): Result<UnitPlace | undefined, string> {
  const own =
    paths.find(({ hierarchy }) => hierarchy === "name=systemd") ??
    paths.find(({ hierarchy }) => hierarchy === "");
  if (own === undefined) return ok(undefined);
  if (own.up > 0) {
    return refused("the agent has a cgroup namespace of its own and does not see the units of its node");
  }
  const depth = own.parts.findIndex((part) => !sliceName.test(unescaped(part)));
  const slices = own.parts.slice(0, depth < 0 ? own.parts.length : depth);
  if (!slices.every((slice, at) => isWithin(unescaped(slice), slices[at - 1]))) {
    return refused("its control group has slices that systemd would not nest like this");
  }
  const part = own.parts[slices.length];
  if (part === undefined || !unitName.test(unescaped(part))) return ok(undefined);
  const path = `/${[...slices, part].join("/")}`;
  return ok({ unit: unescaped(part), hierarchy: own.hierarchy, slices, path });
}

/** `a-b.slice` lies in `a.slice`, and that at the top: systemd.slice(5). */
function isWithin(slice: string, outer: string | undefined): boolean {
  const name = slice.slice(0, -".slice".length);
  const last = name.lastIndexOf("-");
  const expected = last < 0 ? undefined : `${name.slice(0, last)}.slice`;
  return expected === (outer === undefined ? undefined : unescaped(outer));
}

/** systemd puts a `_` before names that the kernel has a meaning for, and before those that begin with one. */
const unescaped = (part: string): string => (part.startsWith("_") ? part.slice(1) : part);
