import koffi from "koffi";
import { Fault } from "../../foundation/fault.ts";

const PR_SET_PDEATHSIG = 1; // linux/prctl.h
const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4; // asm-generic/resource.h
const SIGKILL = 9;

/**
 * Closes the ways by which a PIN could leave this process: no core file, and not dumpable, which also keeps other processes
 * of the same user from reading its memory (prctl(2), ptrace(2)). And it dies with its parent at once: a worker whose
 * supervisor was killed must not go on serving the socket that the next one needs.
 */
export function sealProcess(): void {
  const libc = koffi.load("libc.so.6");
  const prctl = libc.func(
    "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
  );
  const setrlimit = libc.func("int setrlimit(int resource, const uint64_t *limits)");
  const failed =
    setrlimit(RLIMIT_CORE, [0, 0]) !== 0 ||
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) !== 0 ||
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) !== 0;
  if (failed) throw new Fault("INTERNAL", "the kernel refused to seal the process that will hold the PIN");
}
