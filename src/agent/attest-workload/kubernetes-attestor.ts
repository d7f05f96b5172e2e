import { parseCgroups } from "../../domain/workload/cgroup-paths.ts";
import { podSelectors } from "../../domain/workload/pod.ts";
import { podCgroupOf } from "../../domain/workload/pod-cgroup.ts";
import type { AgentObserver } from "../agent-event.ts";
import { OddGroups } from "./odd-groups.ts";
import type { PodDirectory } from "./pod-directory.ts";
import type { ProcessTable } from "./process-facts.ts";
import type { AttestorQuestion, WorkloadAttestor } from "./workload-attestor.ts";

export type KubernetesAttestorDeps = {
  readonly processes: Pick<ProcessTable, "cgroupsOf">;
  readonly pods: Pick<PodDirectory, "find">;
  readonly observer: AgentObserver;
  /** The kubelet's own control group, where it is not the machine's: the parts of its path. */
  readonly cgroupRoot: readonly string[];
};

/** Which container a process is in, by its control groups, and what the kubelet says of it. */
export class KubernetesAttestor implements WorkloadAttestor {
  readonly name = "k8s";
  readonly #deps: KubernetesAttestorDeps;
  readonly #odd: OddGroups;

  constructor(deps: KubernetesAttestorDeps) {
    this.#deps = deps;
    this.#odd = new OddGroups(this.name, deps.observer);
  }

  async attest({ process }: AttestorQuestion, signal: AbortSignal): Promise<readonly string[]> {
    const paths = parseCgroups(await this.#deps.processes.cgroupsOf(process.pid));
    const place = paths.ok ? podCgroupOf(paths.value, this.#deps.cgroupRoot) : paths;
    if (!place.ok) return this.#odd.refuse(process, place.error);
    if (place.value === undefined) return [];
    const { pod, container } = await this.#deps.pods.find(place.value, signal);
    return podSelectors(pod, container);
  }
}
