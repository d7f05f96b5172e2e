import { ok, type Result, refused } from "../../foundation/result.ts";
import type { CgroupPath } from "./cgroup-paths.ts";

/** The container that a process is in, by its control groups. */
export type PodCgroup = {
  /** As the API has it, with dashes; 32 hexadecimal digits for a static pod. */
  readonly podUid: string;
  readonly containerId: string;
};

const dashed = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const uid = `(?<uid>${dashed}|${dashed.replaceAll("-[", "_[")}|[0-9a-f]{32})`;
const id = "(?<id>[0-9a-f]{64})";

/** Kubelet and runtime with the systemd driver: slices for pods, a scope for each container. */
const slices = {
  head: String.raw`(?:kubelet\.slice/kubelet-kubepods\.slice/|kubepods\.slice/)`,
  tail: String.raw`(?:(?:kubelet-)?kubepods\.slice/)?`,
  quality: String.raw`(?:(?:kubelet-)?kubepods-(?:besteffort|burstable)\.slice/)?`,
  pod: String.raw`(?:kubelet-)?kubepods(?:-besteffort|-burstable)?-pod${uid}\.slice`,
  container: String.raw`/(?:cri-containerd|crio|docker|libpod)-${id}\.scope`,
} as const;

/** Both with the cgroupfs driver: plain folders. */
const folders = {
  head: "(?:kubelet/)?kubepods/",
  tail: "(?:kubepods/)?",
  quality: "(?:(?:besteffort|burstable)/)?",
  pod: `pod${uid}`,
  container: `/(?:crio-)?${id}`,
} as const;

/** The kubelet with the systemd driver, containerd without: the slice's name is a part of a folder's. */
const mixed = {
  head: String.raw`(?:system\.slice/(?:containerd|k3s|k3s-agent|rke2-server|rke2-agent)\.service/)?`,
  tail: String.raw`(?:(?:system\.slice/)?(?:containerd|k3s|k3s-agent|rke2-server|rke2-agent)\.service/)?`,
  quality: "",
  pod: slices.pod,
  container: `:(?:cri-containerd|crio|docker):${id}`,
} as const;

const layouts = [slices, folders, mixed];
const formsOf = (begin: "head" | "tail") => ({
  container: layouts.map((l) => new RegExp(`^${l[begin]}${l.quality}${l.pod}${l.container}(?:/|$)`)),
  pod: layouts.map((l) => new RegExp(`^${l[begin]}${l.quality}${l.pod}(?:[/:]|$)`)),
});
const fromTheTop = formsOf("head");
/** A reader in a container of its own sees its neighbours from where their paths and its own part. */
const fromAnAncestor = formsOf("tail");
const anyPod = new RegExp(`(?:^|/|-)pod${uid}(?=\\.slice|[/:]|$)`, "g");

/**
 * The container that the control groups of a process name, undefined when they name none. Only what the kubelet and its
 * runtime make counts: a path from the top (`root`: the kubelet's own, where it is not the machine's) through the kubelet's
 * groups to the container's; what follows below is the container's to name. Refuses, with the reason, what is made to look
 * like a pod's: a pod's name below somebody else's group, two pods in a path, hierarchies that disagree.
 */
export function podCgroupOf(
  paths: readonly CgroupPath[],
  root: readonly string[],
): Result<PodCgroup | undefined, string> {
  let found: PodCgroup | undefined;
  for (const path of paths) {
    const one = podOfPath(path, root);
    if (!one.ok) return one;
    if (one.value === undefined) continue;
    if (found && (found.podUid !== one.value.podUid || found.containerId !== one.value.containerId)) {
      return refused("its control groups are those of two containers");
    }
    found = one.value;
  }
  return ok(found);
}

function podOfPath(
  { up, parts }: CgroupPath,
  root: readonly string[],
): Result<PodCgroup | undefined, string> {
  const named = new Set([...parts.join("/").matchAll(anyPod)].map(({ groups }) => plainUid(groups)));
  if (named.size === 0) return ok(undefined);
  if (named.size > 1) return refused("its control group names two pods");
  const isBelow = up > 0 || root.every((part, at) => parts[at] === part);
  const within = (up > 0 ? parts : parts.slice(root.length)).join("/");
  const forms = up > 0 ? fromAnAncestor : fromTheTop;
  for (const form of isBelow ? forms.container : []) {
    const groups = form.exec(within)?.groups;
    if (groups) return ok({ podUid: plainUid(groups), containerId: groups.id ?? "" });
  }
  // What holds containers together: a sandbox's or a monitor's own process, which is no container.
  if (isBelow && forms.pod.some((form) => form.test(within))) return ok(undefined);
  return refused("its control group names a pod where the kubelet makes none");
}

const plainUid = (groups: Readonly<Record<string, string | undefined>> | undefined): string =>
  (groups?.uid ?? "").replaceAll("_", "-");
