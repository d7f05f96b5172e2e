import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";

/** What the kernel tells of a running process beyond its peer credentials. */
export type ProcessFacts = {
  /** Name of the uid in the node's user database; undefined when it has none. */
  readonly user: string | undefined;
  /** Name of the gid in the node's group database; undefined when it has none. */
  readonly group: string | undefined;
  /** Its supplementary groups; undefined when not asked for. */
  readonly supplementary: SupplementaryGroups | undefined;
  /** Absolute path of the executable; undefined when the agent cannot know it for certain. */
  readonly path: string | undefined;
  /** SHA-256 (hexadecimal) of the executable; undefined when not asked for, or not readable. */
  readonly sha256: string | undefined;
};

export type SupplementaryGroups = {
  readonly gids: readonly number[];
  /** Of those that have one. */
  readonly names: readonly string[];
};

export type FactsAsked = { readonly sha256: boolean; readonly supplementary: boolean };

/** The node's processes. Reads only; a process that is not there is not known, and no failure. */
export interface ProcessTable {
  /** Field 22 of /proc/PID/stat as text, or undefined when no such process runs (a zombie does not run). */
  startTimeOf(pid: number): string | undefined;
  /** Rejects with ATTESTOR_UNAVAILABLE when this node cannot tell at present (no file descriptor is left, a disk fails). */
  factsOf(process: ProcessIdentity, ask: FactsAsked, signal: AbortSignal): Promise<ProcessFacts>;
  /** The text of /proc/PID/cgroup; empty when no such process runs. Rejects likewise. */
  cgroupsOf(pid: number): Promise<string>;
}
