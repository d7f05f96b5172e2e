import { matches, type SelectorKinds, type ValueRule } from "./selector-kind.ts";

const dnsLabel = matches(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "the name of such an object");
const dnsName = matches(
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
  "the name of such an object",
);
/** A pod's; a static pod has 32 hexadecimal digits instead. */
const uid = matches(
  /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$/,
  "a pod's uid in lower case",
);
const image = matches(/^[!-~]{1,1024}$/, "the reference of an image");
const count = matches(/^(0|[1-9]\d{0,3})$/, "a whole number");

/** Kubernetes, "Labels and Selectors", syntax and character set. */
const labelKey =
  /^((?=[^/]{1,253}\/)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const label: ValueRule = (value) => {
  const colon = value.indexOf(":");
  return colon > 0 && labelKey.test(value.slice(0, colon)) && labelValue.test(value.slice(colon + 1))
    ? undefined
    : `"${value}" is not KEY:VALUE of a label`;
};

const owner = (what: string) => matches(/^[A-Za-z0-9]{1,63}:[a-z0-9.:-]{1,253}$/, `KIND:${what} of an owner`);

/** What the node's kubelet tells of the pod and the container that a process runs in. */
export const kubernetesKinds: SelectorKinds = new Map([
  ["k8s:ns", { rule: dnsLabel, has: "one" }],
  ["k8s:sa", { rule: dnsName, has: "one" }],
  ["k8s:pod-name", { rule: dnsName, has: "one" }],
  ["k8s:pod-uid", { rule: uid, has: "one" }],
  ["k8s:pod-label", { rule: label, has: "one-per-key" }],
  ["k8s:pod-owner", { rule: owner("NAME"), has: "many" }],
  ["k8s:pod-owner-uid", { rule: owner("UID"), has: "many" }],
  ["k8s:pod-image", { rule: image, has: "many" }],
  ["k8s:pod-image-count", { rule: count, has: "one" }],
  ["k8s:pod-init-image", { rule: image, has: "many" }],
  ["k8s:pod-init-image-count", { rule: count, has: "one" }],
  ["k8s:container-name", { rule: dnsLabel, has: "one" }],
  ["k8s:container-image", { rule: image, has: "many" }],
  ["k8s:node-name", { rule: dnsName, has: "one" }],
]);
