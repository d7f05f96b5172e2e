import { parsePodList } from "../../../src/backends/kubelet/pod-list.ts";
import { parseProperties } from "../../../src/backends/systemd/systemctl-units.ts";
import { parseAccounts } from "../../../src/backends/unix/account-names.ts";
import { parseGroups } from "../../../src/backends/unix/process-groups.ts";
import { selectorKind } from "../../../src/domain/policy/selector.ts";
import { parseCgroups } from "../../../src/domain/workload/cgroup-paths.ts";
import { podSelectors } from "../../../src/domain/workload/pod.ts";
import { podCgroupOf } from "../../../src/domain/workload/pod-cgroup.ts";
import { unitOf } from "../../../src/domain/workload/systemd-unit.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

/** /proc/PID/cgroup: the names in it are whatever those called them who may make groups. */
const cgroup: FuzzTarget = {
  name: "cgroup",
  format: "text",
  weight: 20,
  run(bytes) {
    const text = textOf(bytes);
    parseGroups(text);
    parseAccounts(text);
    parseProperties(text);
    const paths = parseCgroups(text);
    if (!paths.ok) return false;
    const pod = podCgroupOf(paths.value, []);
    if (pod.ok && pod.value) {
      const { podUid, containerId } = pod.value;
      mustHold(/^[0-9a-f-]{32,36}$/.test(podUid) && /^[0-9a-f]{64}$/.test(containerId), "ids are ids");
      mustHold(
        /^\d+:[^:]*:\/(\.\.\/)*(kube|pod|system\.slice\/)/m.test(text),
        "a pod is found below the kubelet's groups",
      );
    }
    const unit = unitOf(paths.value);
    if (unit.ok && unit.value) {
      const { path, slices } = unit.value;
      mustHold(text.includes(`:${path}`), "a unit's group begins at the top");
      mustHold(
        slices.every((slice) => slice.endsWith(".slice")),
        "above a unit are slices alone",
      );
    }
    return (pod.ok && pod.value !== undefined) || (unit.ok && unit.value !== undefined);
  },
};

/** The kubelet's answer to GET /pods. */
const podList: FuzzTarget = {
  name: "pod-list",
  format: "text",
  weight: 10,
  run(bytes) {
    const list = parsePodList(textOf(bytes));
    if (!list.ok) {
      mustHold(list.error.length < 200, "a refusal is a sentence, not the answer");
      return false;
    }
    for (const pod of list.value.pods) {
      const selectors = pod.containers.flatMap((container) => podSelectors(pod, container));
      mustHold(
        selectors.every((selector) => selectorKind(selector).startsWith("k8s:") && !/[\n\0]/.test(selector)),
        "whatever a pod is called, its selectors are of this attestor",
      );
    }
    return list.value.pods.length > 0;
  },
};

export const workloadTargets = (): FuzzTarget[] => [cgroup, podList];
