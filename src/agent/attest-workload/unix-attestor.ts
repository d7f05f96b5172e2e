import type { ProcessTable } from "./process-facts.ts";
import type { AttestorQuestion, WorkloadAttestor } from "./workload-attestor.ts";

/** What the kernel says of a process: ids, groups, and the program that runs. */
export class UnixAttestor implements WorkloadAttestor {
  readonly name = "unix";
  readonly #processes: ProcessTable;

  constructor(processes: ProcessTable) {
    this.#processes = processes;
  }

  async attest({ process, asked }: AttestorQuestion, signal: AbortSignal): Promise<readonly string[]> {
    const supplementary = asked.has("unix:supplementary_gid") || asked.has("unix:supplementary_group");
    const ask = { sha256: asked.has("unix:sha256"), supplementary };
    const facts = await this.#processes.factsOf(process, ask, signal);
    const known = { user: facts.user, group: facts.group, path: facts.path, sha256: facts.sha256 };
    return [
      `unix:uid:${process.uid}`,
      `unix:gid:${process.gid}`,
      ...Object.entries(known).flatMap(([kind, value]) =>
        value === undefined ? [] : `unix:${kind}:${value}`,
      ),
      ...(facts.supplementary?.gids ?? []).map((gid) => `unix:supplementary_gid:${gid}`),
      ...(facts.supplementary?.names ?? []).map((name) => `unix:supplementary_group:${name}`),
    ];
  }
}
