/**
 * Where a hierarchy of control groups is mounted whole, by the text of /proc/self/mountinfo (proc_pid_mountinfo(5)): the
 * unified one for "", else the one of version 1 with this name. Undefined where it is not.
 */
export function cgroupMount(mountinfo: string, hierarchy: string): string | undefined {
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, mountPoint] = before.split(" ");
    const [type, , superOptions = ""] = after.split(" ");
    if (root !== "/" || mountPoint === undefined || mountPoint.includes("\\")) continue;
    const isIt =
      hierarchy === ""
        ? type === "cgroup2"
        : type === "cgroup" && superOptions.split(",").includes(hierarchy);
    if (isIt) return mountPoint;
  }
  return undefined;
}
