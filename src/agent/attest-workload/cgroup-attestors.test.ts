import { beforeEach, expect, test } from "vitest";
import type { Pod } from "../../domain/workload/pod.ts";
import type { PodCgroup } from "../../domain/workload/pod-cgroup.ts";
import type { AgentEvent } from "../agent-event.ts";
import { KubernetesAttestor } from "./kubernetes-attestor.ts";
import { SystemdAttestor, type UnitFacts } from "./systemd-attestor.ts";

const never = new AbortController().signal;
const question = { process: { pid: 42, uid: 0, gid: 0, startTime: "7" }, asked: new Set<string>() };
const uid = "2c48913c-b29f-11e7-9350-020968147796";
const id = "a1".repeat(32);

let text: string;
let events: AgentEvent[];
let wanted: PodCgroup[];
let unit: UnitFacts | "no-manager" | Error;
let isRoots: boolean;
let k8s: KubernetesAttestor;
let systemd: SystemdAttestor;

beforeEach(() => {
  events = [];
  wanted = [];
  isRoots = true;
  unit = {
    id: "web.service",
    fragmentPath: "/etc/systemd/system/web.service",
    controlGroup: "/system.slice/web.service",
  };
  const around = {
    processes: { cgroupsOf: async () => text },
    observer: { saw: (event: AgentEvent) => void events.push(event) },
  };
  const container = { name: "web", id, image: "shop/web:1", imageId: "" };
  const pod = {
    namespace: "shop",
    name: "web-0",
    uid,
    labels: [],
    owners: [],
    containers: [container],
    initContainers: [],
    serviceAccount: "web",
    nodeName: "",
  } as unknown as Pod;
  const find = async (place: PodCgroup) => {
    wanted.push(place);
    return { pod, container };
  };
  k8s = new KubernetesAttestor({ ...around, pods: { find }, cgroupRoot: [] });
  const units = {
    describe: async () => {
      if (unit instanceof Error) throw unit;
      return unit;
    },
    isRoots: async () => isRoots,
  };
  systemd = new SystemdAttestor({ ...around, units });
});

test("a process in a container is told by what the kubelet says of it", async () => {
  text = `0::/kubepods/pod${uid}/${id}\n`;
  const selectors = await k8s.attest(question, never);
  expect(selectors).toContain("k8s:container-name:web");
  expect(selectors).not.toContain("k8s:node-name:");
  expect(wanted).toEqual([{ podUid: uid, containerId: id }]);
});

test("the kubelet is not asked about a process in no container", async () => {
  text = "0::/system.slice/web.service\n";
  expect([await k8s.attest(question, never), wanted, events]).toEqual([[], [], []]);
});

test("a forged pod path gives nothing, is told once, and the kubelet does not hear of it", async () => {
  text = `0::/mine/kubepods/pod${uid}/${id}\n`;
  for (let again = 0; again < 3; again++) expect(await k8s.attest(question, never)).toEqual([]);
  expect(wanted).toEqual([]);
  expect(events).toEqual([
    {
      kind: "cgroup-refused",
      pid: 42,
      attestor: "k8s",
      reason: "its control group names a pod where the kubelet makes none",
    },
  ]);
});

test("a unit is what systemd confirms", async () => {
  text = "0::/system.slice/web.service/inner\n";
  expect(await systemd.attest(question, never)).toEqual([
    "systemd:id:web.service",
    "systemd:fragment_path:/etc/systemd/system/web.service",
  ]);
  unit = { id: "web.service", fragmentPath: "", controlGroup: "/system.slice/web.service" };
  expect(await systemd.attest(question, never)).toEqual(["systemd:id:web.service"]);
});

test("WL7: a unit that systemd does not have there is a forgery", async () => {
  text = "0::/system.slice/web.service\n";
  unit = { id: "web.service", fragmentPath: "", controlGroup: "" };
  expect(await systemd.attest(question, never)).toEqual([]);
  expect(events).toMatchObject([{ kind: "cgroup-refused", reason: expect.stringContaining("web.service") }]);
});

test("without a manager to ask, a path counts where root alone names its groups", async () => {
  text = "0::/system.slice/web.service\n";
  unit = "no-manager";
  expect(await systemd.attest(question, never)).toEqual(["systemd:id:web.service"]);
  isRoots = false;
  expect(await systemd.attest(question, never)).toEqual([]);
  expect(events).toMatchObject([{ kind: "cgroup-refused" }]);
});

test("a manager that does not answer is trouble, not an answer", async () => {
  text = "0::/system.slice/web.service\n";
  unit = new Error("no answer");
  await expect(systemd.attest(question, never)).rejects.toThrow("no answer");
});

test("a process in no unit, and one that has exited, have no unit", async () => {
  for (const gone of ["0::/\n", ""]) {
    text = gone;
    expect(await systemd.attest(question, never)).toEqual([]);
  }
  expect(events).toEqual([]);
});
