import { readFile } from "node:fs/promises";
import type {
  FactsAsked,
  ProcessFacts,
  ProcessTable,
  SupplementaryGroups,
} from "../../agent/attest-workload/process-facts.ts";
import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { AccountNames } from "./account-names.ts";
import { ExecutableHashes, ExecutablePaths } from "./executable.ts";
import { readGroups } from "./process-groups.ts";
import { readStartTime } from "./process-stat.ts";
import { isAbsent, unavailable } from "./unreadable.ts";

/** The node's processes as /proc shows them. */
export class ProcTable implements ProcessTable {
  readonly #users = new AccountNames("/etc/passwd");
  readonly #groups = new AccountNames("/etc/group");
  readonly #paths = new ExecutablePaths();
  readonly #hashes = new ExecutableHashes();

  startTimeOf(pid: number): string | undefined {
    return readStartTime(pid);
  }

  async factsOf(process: ProcessIdentity, ask: FactsAsked, signal: AbortSignal): Promise<ProcessFacts> {
    const { pid, uid, gid } = process;
    const [path, sha256, supplementary] = await Promise.all([
      this.#paths.pathOf(process),
      ask.sha256 ? this.#hashes.hashOf(pid, signal) : undefined,
      ask.supplementary ? this.#supplementaryOf(pid) : undefined,
    ]);
    const [user, group] = [this.#users.nameOf(uid), this.#groups.nameOf(gid)];
    return { user, group, supplementary, path, sha256 };
  }

  async cgroupsOf(pid: number): Promise<string> {
    const file = `/proc/${pid}/cgroup`;
    try {
      return await readFile(file, "utf8");
    } catch (thrown) {
      if (isAbsent(thrown)) return "";
      throw unavailable(file, thrown);
    }
  }

  async #supplementaryOf(pid: number): Promise<SupplementaryGroups> {
    const gids = await readGroups(pid);
    return { gids, names: gids.flatMap((gid) => this.#groups.nameOf(gid) ?? []) };
  }
}
