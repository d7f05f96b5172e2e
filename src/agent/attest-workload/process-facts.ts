import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";

/** What the kernel tells of a running process beyond its peer credentials. */
export type ProcessFacts = {
  /** Name of the uid in the node's user database; undefined when it has none. */
  readonly user: string | undefined;
  /** Absolute path of the executable; undefined when the agent cannot know it for certain. */
  readonly path: string | undefined;
  /** SHA-256 (hexadecimal) of the executable; undefined when not asked for, or not readable. */
  readonly sha256: string | undefined;
};

/** The node's processes. Reads only; never throws for a process that is not there. */
export interface ProcessTable {
  /** Field 22 of /proc/PID/stat as text, or undefined when no such process runs (a zombie does not run). */
  startTimeOf(pid: number): string | undefined;
  factsOf(
    process: ProcessIdentity,
    ask: { readonly sha256: boolean },
    signal: AbortSignal,
  ): Promise<ProcessFacts>;
}
