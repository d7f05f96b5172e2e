import type { ProcessFacts, ProcessTable } from "../../agent/attest-workload/process-facts.ts";
import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { ExecutableHashes, readExecutablePath } from "./executable.ts";
import { readStartTime } from "./process-stat.ts";
import { UserNames } from "./user-names.ts";

/** The node's processes as /proc shows them. */
export class ProcTable implements ProcessTable {
  readonly #users = new UserNames();
  readonly #hashes = new ExecutableHashes();

  startTimeOf(pid: number): string | undefined {
    return readStartTime(pid);
  }

  async factsOf(
    process: ProcessIdentity,
    ask: { readonly sha256: boolean },
    signal: AbortSignal,
  ): Promise<ProcessFacts> {
    const [path, sha256] = await Promise.all([
      readExecutablePath(process.pid),
      ask.sha256 ? this.#hashes.hashOf(process.pid, signal) : undefined,
    ]);
    return { user: this.#users.nameOf(process.uid), path, sha256 };
  }
}
