/** A container of a pod, of any sort (init and ephemeral ones too), as its status has it. */
export type PodContainer = {
  readonly name: string;
  /** The runtime's id without its scheme; empty while it has none. */
  readonly id: string;
  readonly image: string;
  /** With the digest, as the runtime resolved it; without its scheme. May be empty. */
  readonly imageId: string;
};

export type PodOwner = { readonly kind: string; readonly name: string; readonly uid: string };

/** A pod as the kubelet of its node tells it. */
export type Pod = {
  readonly uid: string;
  /** Of a static pod's source: its control group bears this instead of the uid. */
  readonly configHash: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly nodeName: string;
  readonly labels: readonly (readonly [key: string, value: string])[];
  readonly owners: readonly PodOwner[];
  readonly containers: readonly PodContainer[];
  readonly initContainers: readonly PodContainer[];
  readonly ephemeralContainers: readonly PodContainer[];
};

/** The selectors of a process in this container of this pod. */
export function podSelectors(pod: Pod, container: PodContainer): readonly string[] {
  const said = [
    ["ns", pod.namespace],
    ["sa", pod.serviceAccount],
    ["pod-name", pod.name],
    ["pod-uid", pod.uid],
    ["node-name", pod.nodeName],
    ["container-name", container.name],
    ["pod-image-count", String(pod.containers.length)],
    ["pod-init-image-count", String(pod.initContainers.length)],
    ...pod.labels.map(([key, value]) => ["pod-label", `${key}:${value}`]),
    ...pod.owners.flatMap(({ kind, name, uid }) => [
      ["pod-owner", `${kind}:${name}`],
      ["pod-owner-uid", `${kind}:${uid}`],
    ]),
    ...imagesOf([container]).map((image) => ["container-image", image]),
    ...imagesOf(pod.containers).map((image) => ["pod-image", image]),
    ...imagesOf(pod.initContainers).map((image) => ["pod-init-image", image]),
  ];
  return said.flatMap(([kind, value]) => (value === "" ? [] : `k8s:${kind}:${value}`));
}

/** The reference that was asked for, and what it was resolved to: only the latter, with its digest, stays the same. */
const imagesOf = (containers: readonly PodContainer[]): readonly string[] =>
  [...new Set(containers.flatMap(({ image, imageId }) => [image, imageId]))].filter((image) => image !== "");
