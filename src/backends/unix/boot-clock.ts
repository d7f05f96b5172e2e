import { readFileSync } from "node:fs";
import type { Stopwatch } from "../../foundation/clock.ts";

/** Time since the machine started, its sleep included, to a hundredth of a second (proc_uptime(5)). Setting the time of day does not move it. */
export const bootClock: Stopwatch = {
  ms: () => Number(readFileSync("/proc/uptime", "latin1").split(" ", 1)[0]) * 1000,
};
