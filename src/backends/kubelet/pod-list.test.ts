import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { selectorFlaws } from "../../domain/policy/selector.ts";
import { podSelectors } from "../../domain/workload/pod.ts";
import { parsePodList } from "./pod-list.ts";

const fixture = (name: string) =>
  readFileSync(new URL(`../../../test/fixtures/kubelet/${name}.json`, import.meta.url), "utf8");
const podsOf = (text: string) => {
  const list = parsePodList(text);
  if (!list.ok) throw new Error(list.error);
  return list.value;
};

test("selectors of a process in a pod of containerd", () => {
  const [pod] = podsOf(fixture("containerd")).pods;
  const selectors = podSelectors(pod!, pod!.containers[0]!);
  const digest = `registry.example/shop/web@sha256:${"5f".repeat(32)}`;
  expect(selectors).toEqual([
    "k8s:ns:shop",
    "k8s:sa:web",
    "k8s:pod-name:web-7d9c5b6f8-x2x7k",
    "k8s:pod-uid:2c48913c-b29f-11e7-9350-020968147796",
    "k8s:node-name:node-1",
    "k8s:container-name:web",
    "k8s:pod-image-count:2",
    "k8s:pod-init-image-count:1",
    "k8s:pod-label:app:web",
    "k8s:pod-label:app.kubernetes.io/part-of:shop",
    "k8s:pod-label:tier:",
    "k8s:pod-owner:ReplicaSet:web-7d9c5b6f8",
    "k8s:pod-owner-uid:ReplicaSet:1b3c5d7e-0000-4000-8000-000000000001",
    "k8s:container-image:registry.example/shop/web:1.4.2",
    `k8s:container-image:${digest}`,
    "k8s:pod-image:registry.example/shop/web:1.4.2",
    `k8s:pod-image:${digest}`,
    "k8s:pod-image:docker.io/envoyproxy/envoy:v1.40.0",
    `k8s:pod-image:docker.io/envoyproxy/envoy@sha256:${"6e".repeat(32)}`,
    "k8s:pod-init-image:registry.example/shop/migrate:1.4.2",
    `k8s:pod-init-image:registry.example/shop/migrate@sha256:${"7d".repeat(32)}`,
  ]);
});

test.each(["containerd", "cri-o", "docker"])("what pods of %s are told by can be registered", (runtime) => {
  const { pods, leftOut } = podsOf(fixture(runtime));
  expect(leftOut).toBe(0);
  for (const pod of pods) {
    const all = [...pod.containers, ...pod.initContainers, ...pod.ephemeralContainers];
    for (const container of all) expect(selectorFlaws(podSelectors(pod, container))).toEqual([]);
  }
});

test("ids and digests are without their runtime's scheme; what has not started has none", () => {
  const [report] = podsOf(fixture("docker")).pods;
  expect(report?.containers).toEqual([
    {
      name: "report",
      id: "07".repeat(32),
      image: "report:latest",
      imageId: `registry.example/report@sha256:${"cd".repeat(32)}`,
    },
  ]);
  const late = podsOf(fixture("containerd")).pods.find(({ name }) => name === "late-0");
  expect(late?.containers[0]).toMatchObject({ id: "", imageId: "" });
});

const bent = (
  change: (pod: {
    metadata: Record<string, unknown>;
    spec: Record<string, unknown>;
    status: Record<string, unknown>;
  }) => void,
) => {
  const list = JSON.parse(fixture("containerd"));
  change(list.items[0]);
  return JSON.stringify(list);
};

test.each([
  [
    "a label with a colon in its key",
    bent((pod) => void Object.assign(pod.metadata, { labels: { "a:b": "c" } })),
  ],
  ["a label that is no text", bent((pod) => void Object.assign(pod.metadata, { labels: { a: 1 } }))],
  [
    "an owner's kind with a colon",
    bent(
      (pod) => void Object.assign(pod.metadata, { ownerReferences: [{ kind: "A:b", name: "c", uid: "d" }] }),
    ),
  ],
  ["an upper-case namespace", bent((pod) => void Object.assign(pod.metadata, { namespace: "Shop" }))],
  ["no uid", bent((pod) => void delete pod.metadata.uid)],
  ["a uid that is a number", bent((pod) => void Object.assign(pod.metadata, { uid: 7 }))],
  ["statuses that are no list", bent((pod) => void Object.assign(pod.status, { containerStatuses: {} }))],
  [
    "an image with a line break",
    bent((pod) => void Object.assign(pod.status, { containerStatuses: [{ name: "a", image: "a\nb" }] })),
  ],
])("a pod with %s is left out, and no other", (_, text) => {
  const { pods, leftOut } = podsOf(text);
  expect([pods.map(({ name }) => name), leftOut]).toEqual([["kube-apiserver-node-1", "late-0"], 1]);
});

test.each(["", "{}", "[]", "null", '{"kind":"PodList","items":{}}', '{"kind":"Status"}', "<html>"])(
  "%j is no list of pods",
  (text) => {
    expect(parsePodList(text)).toEqual({ ok: false, error: "an answer that is no PodList" });
  },
);

test("a node without pods", () => {
  expect(podsOf('{"kind":"PodList","items":null}')).toEqual({ pods: [], leftOut: 0 });
});

test("whatever the answer, it is read or refused", () => {
  fc.assert(fc.property(fc.json(), (text) => void parsePodList(text)));
  fc.assert(fc.property(fc.json(), (text) => void parsePodList(`{"kind":"PodList","items":[${text}]}`)));
});
