import fc from "fast-check";
import { expect, test } from "vitest";
import { parseCgroups } from "./cgroup-paths.ts";
import { podCgroupOf } from "./pod-cgroup.ts";

const uid = "2c48913c-b29f-11e7-9350-020968147796";
const scored = uid.replaceAll("-", "_");
const other = "6b8e5a10-4c1d-4f7e-9d21-0c5f1a2b3c4d";
const hash = "a3b9c1d2e4f5061728394a5b6c7d8e9f";
const id = "a1".repeat(32);
const id2 = "b2".repeat(32);

const read = (text: string, root: readonly string[] = []) => {
  const paths = parseCgroups(text);
  return paths.ok ? podCgroupOf(paths.value, root) : paths;
};
const v2 = (path: string) => `0::${path}\n`;

const slice = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${scored}.slice`;
const folder = `/kubepods/besteffort/pod${uid}`;

test.each([
  ["containerd, systemd driver", v2(`${slice}/cri-containerd-${id}.scope`)],
  ["CRI-O, systemd driver", v2(`${slice}/crio-${id}.scope`)],
  ["CRI-O with crun, whose container is a group below", v2(`${slice}/crio-${id}.scope/container`)],
  ["docker, systemd driver", v2(`${slice}/docker-${id}.scope`)],
  ["a guaranteed pod", v2(`/kubepods.slice/kubepods-pod${scored}.slice/cri-containerd-${id}.scope`)],
  ["containerd, cgroupfs driver", v2(`${folder}/${id}`)],
  ["CRI-O, cgroupfs driver", v2(`${folder}/crio-${id}`)],
  ["a guaranteed pod in folders", v2(`/kubepods/pod${uid}/${id}`)],
  [
    "a kubelet below kubelet.slice, as in kind",
    v2(
      `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${scored}.slice/cri-containerd-${id}.scope`,
    ),
  ],
  ["a kubelet below /kubelet, as in kind", v2(`/kubelet/kubepods/besteffort/pod${uid}/${id}`)],
  [
    "drivers that differ",
    v2(`/system.slice/containerd.service/kubepods-burstable-pod${scored}.slice:cri-containerd:${id}`),
  ],
  ["drivers that differ, at the top", v2(`/kubepods-besteffort-pod${scored}.slice:cri-containerd:${id}`)],
  ["an inner systemd", v2(`${slice}/cri-containerd-${id}.scope/system.slice/web.service`)],
  [
    "an inner group that looks like a container's",
    v2(`${slice}/cri-containerd-${id}.scope/crio-${id2}.scope`),
  ],
  [
    "an agent in a container of the node's",
    v2(`/../../..${slice.slice("/kubepods.slice".length)}/cri-containerd-${id}.scope`),
  ],
  [
    "an agent in a pod of the same class",
    v2(`/../../kubepods-burstable-pod${scored}.slice/cri-containerd-${id}.scope`),
  ],
  ["an agent in a pod, folders", v2(`/../../pod${uid}/${id}`)],
  ["an agent in a pod, from the top", v2(`/../../../..${folder}/${id}`)],
  [
    "version 1",
    `12:memory:${folder}/${id}\n11:cpu,cpuacct:${folder}/${id}\n1:name=systemd:${folder}/${id}\n0::/\n`,
  ],
  [
    "version 1, a controller that the runtime leaves alone",
    `13:misc:/\n12:pids:${folder}/${id}\n1:name=systemd:${folder}/${id}\n0::/system.slice/containerd.service\n`,
  ],
])("a container by %s", (_, text) => {
  expect(read(text)).toEqual({ ok: true, value: { podUid: uid, containerId: id } });
});

test("a static pod goes by the hash of its configuration", () => {
  const path = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${hash}.slice/cri-containerd-${id}.scope`;
  expect(read(v2(path))).toEqual({ ok: true, value: { podUid: hash, containerId: id } });
});

test("a kubelet below a group of its own is believed there alone", () => {
  const path = `/docker/${id2}/kubelet/kubepods/pod${uid}/${id}`;
  expect(read(v2(path), ["docker", id2])).toEqual({ ok: true, value: { podUid: uid, containerId: id } });
  expect(read(v2(path)).ok).toBe(false);
  expect(read(v2(`${folder}/${id}`), ["docker", id2]).ok).toBe(false);
});

test.each([
  ["the root", v2("/")],
  ["a service", v2("/system.slice/web.service")],
  ["a container without a pod", v2(`/docker/${id}`)],
  ["a user's session", v2("/user.slice/user-1000.slice/session-3.scope")],
  ["a process between a pod's containers", v2(slice)],
  ["CRI-O's monitor", v2(`${slice}/crio-conmon-${id}.scope`)],
  ["no hierarchy at all", ""],
])("no container: %s", (_, text) => {
  expect(read(text)).toEqual({ ok: true, value: undefined });
});

test.each([
  ["a user's own subtree", v2(`/user.slice/user-1000.slice/user@1000.service${folder}/${id}`)],
  ["a service's own subtree", v2(`/system.slice/web.service${slice}/cri-containerd-${id}.scope`)],
  ["a container's own subtree", v2(`/docker/${id2}${folder}/${id}`)],
  ["a subtree that calls itself so", v2(`/mine/kubepods/pod${uid}/${id}`)],
  ["a neighbour's subtree, seen from a container", v2(`/../user.slice/kubepods/pod${uid}/${id}`)],
  ["two pods, one in the other", v2(`${folder}/${id}/kubepods/besteffort/pod${other}/${id2}`)],
  [
    "two pods by slices",
    v2(
      `${slice}/cri-containerd-${id}.scope/kubepods-pod${other.replaceAll("-", "_")}.slice/crio-${id2}.scope`,
    ),
  ],
  [
    "hierarchies that name two pods",
    `2:memory:${folder}/${id}\n1:name=systemd:/kubepods/pod${other}/${id2}\n`,
  ],
  ["hierarchies that name two containers", `2:memory:${folder}/${id}\n1:name=systemd:${folder}/${id2}\n`],
  ["one hierarchy that is somebody's own", `2:memory:/mine${folder}/${id}\n1:name=systemd:${folder}/${id}\n`],
  ["a path that leads up", v2(`/kubepods/../kubepods/pod${uid}/${id}`)],
  ["a path with an empty part", v2(`/kubepods//pod${uid}/${id}`)],
  ["a group that was removed", v2(`${folder}/${id} (deleted)`)],
  ["a relative path", `0::kubepods/pod${uid}/${id}\n`],
  ["a line of another file", "kubepods\n"],
])("WL5 refuses %s", (_, text) => {
  expect(read(text)).toMatchObject({ ok: false });
});

/** Names that somebody with a group of their own may give to groups below it. */
const anyName = fc.oneof(
  fc
    .string({ minLength: 1, maxLength: 20 })
    .filter((name) => !/[/\n]/.test(name) && name !== "." && name !== ".."),
  fc.constantFrom(
    "kubepods",
    "kubepods.slice",
    `pod${other}`,
    id2,
    `cri-containerd-${id2}.scope`,
    "system.slice",
    `kubepods-pod${other.replaceAll("-", "_")}.slice`,
  ),
);
const below = fc.array(anyName, { maxLength: 6 }).map((names) => names.map((name) => `/${name}`).join(""));

test("whatever a container names below its own group, it is itself or nobody", () => {
  fc.assert(
    fc.property(
      below,
      fc.constantFrom(`${slice}/cri-containerd-${id}.scope`, `${folder}/${id}`),
      (names, own) => {
        const found = read(v2(`${own}${names}`));
        if (found.ok) expect(found.value).toEqual({ podUid: uid, containerId: id });
      },
    ),
  );
});

test("whatever a user or a service names below its own group, it is in no pod", () => {
  const homes = [
    "/user.slice/user-1000.slice/user@1000.service",
    "/system.slice/web.service",
    "/lxc/one",
    `/docker/${id}`,
  ];
  fc.assert(
    fc.property(below, fc.constantFrom(...homes), (names, own) => {
      const found = read(v2(`${own}${names}`));
      if (found.ok) expect(found.value).toBeUndefined();
    }),
  );
});

test("any text has an answer", () => {
  fc.assert(fc.property(fc.string(), (text) => void read(text)));
});
