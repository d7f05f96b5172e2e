import type { AgentObserver } from "../../agent/agent-event.ts";
import { systemAlarm } from "../../agent/alarm.ts";
import { KubernetesAttestor } from "../../agent/attest-workload/kubernetes-attestor.ts";
import { PodDirectory } from "../../agent/attest-workload/pod-directory.ts";
import type { ProcessTable } from "../../agent/attest-workload/process-facts.ts";
import { SystemdAttestor } from "../../agent/attest-workload/systemd-attestor.ts";
import { UnixAttestor } from "../../agent/attest-workload/unix-attestor.ts";
import type { WorkloadAttestor } from "../../agent/attest-workload/workload-attestor.ts";
import { KubeletClient, type KubeletDoor } from "../../backends/kubelet/kubelet-client.ts";
import { SystemctlUnits } from "../../backends/systemd/systemctl-units.ts";
import { systemStopwatch } from "../../foundation/clock.ts";
import { toMs } from "../../foundation/duration.ts";
import type { AgentConfig } from "./config.ts";

type Attest = AgentConfig["attest"];
type Surroundings = { readonly processes: ProcessTable; readonly observer: AgentObserver };

/**
 * Every way in which this agent knows a local process. Another one gets its line here. `lifetime` ends what is asked for
 * several callers at a time.
 */
export function workloadAttestors(
  attest: Attest,
  around: Surroundings,
  lifetime: AbortSignal,
): readonly WorkloadAttestor[] {
  // An attestor's own deadline comes first: it says what it waited for.
  const times = { stopwatch: systemStopwatch, lifetime, withinMs: toMs(attest.timeout) * 0.8 };
  return [
    new UnixAttestor(around.processes),
    ...(attest.systemd ? [new SystemdAttestor({ ...around, units: new SystemctlUnits(times) })] : []),
    ...(attest.kubernetes ? [kubernetesAttestor(attest.kubernetes, around, times)] : []),
  ];
}

function kubernetesAttestor(
  config: NonNullable<Attest["kubernetes"]>,
  around: Surroundings,
  times: Pick<ConstructorParameters<typeof PodDirectory>[0], "stopwatch" | "lifetime" | "withinMs">,
): WorkloadAttestor {
  const pods = new PodDirectory({
    ...times,
    kubelet: new KubeletClient(doorOf(config)),
    alarm: systemAlarm,
    maxAgeMs: toMs(config.maxAge),
    patienceMs: times.withinMs / 2,
  });
  return new KubernetesAttestor({ ...around, pods, cgroupRoot: config.cgroupRoot });
}

function doorOf(config: NonNullable<Attest["kubernetes"]>): KubeletDoor {
  const { kubelet, caFile, serverName, tokenFile, certificateFile = "", keyFile = "" } = config;
  if (caFile === undefined) return { kind: "read-only", ...kubelet };
  const credential = tokenFile === undefined ? { certificateFile, keyFile } : { tokenFile };
  return { kind: "authenticated", ...kubelet, serverName, caFile, credential };
}
