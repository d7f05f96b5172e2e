import type { ProcessTable } from "../../agent/attest-workload/process-facts.ts";
import { UnixAttestor } from "../../agent/attest-workload/unix-attestor.ts";
import type { WorkloadAttestor } from "../../agent/attest-workload/workload-attestor.ts";

/** Every way in which this agent knows a local process. Another one gets its line here. */
export const workloadAttestors = (processes: ProcessTable): readonly WorkloadAttestor[] => [
  new UnixAttestor(processes),
];
