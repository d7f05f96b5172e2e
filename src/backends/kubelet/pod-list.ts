import type { Pod, PodContainer, PodOwner } from "../../domain/workload/pod.ts";
import { ok, type Result, refused } from "../../foundation/result.ts";

/** A node has a few hundred pods; the API allows 256 KiB of labels and annotations each. */
const most = { pods: 4096, containers: 512, labels: 2048, owners: 64, text: 1024 } as const;

class Flaw extends Error {}

/**
 * Reads the kubelet's answer to `GET /pods` (a v1 PodList in JSON). A pod that is not as the API has it is left out and
 * counted, and spoils no other; an answer that is no list of pods is refused with one sentence.
 */
export function parsePodList(
  text: string,
): Result<{ readonly pods: readonly Pod[]; readonly leftOut: number }, string> {
  let items: readonly unknown[];
  try {
    const list = objectOf(JSON.parse(text));
    if (list.kind !== "PodList") return refused("an answer that is no PodList");
    items = listOf(list.items, most.pods); // null when there are none
  } catch (thrown) {
    if (thrown instanceof Flaw || thrown instanceof SyntaxError)
      return refused("an answer that is no PodList");
    throw thrown;
  }
  const pods = items.flatMap((item) => readPod(item) ?? []);
  return ok({ pods, leftOut: items.length - pods.length });
}

function readPod(item: unknown): Pod | undefined {
  try {
    const pod = objectOf(item);
    const [metadata, spec, status] = [objectOf(pod.metadata), objectOf(pod.spec), objectOf(pod.status)];
    const annotations = objectOf(metadata.annotations);
    const containers = (kind: string) =>
      listOf(status[`${kind}Statuses`], most.containers).map((one) => containerOf(objectOf(one)));
    return {
      uid: needed(metadata.uid, /^[0-9a-f-]{1,64}$/),
      configHash: textOf(annotations["kubernetes.io/config.hash"]),
      namespace: needed(metadata.namespace, /^[a-z0-9-]{1,63}$/),
      name: needed(metadata.name, /^[a-z0-9.-]{1,253}$/),
      serviceAccount: textOf(spec.serviceAccountName),
      nodeName: textOf(spec.nodeName),
      labels: labelsOf(metadata.labels),
      owners: listOf(metadata.ownerReferences, most.owners).map((one) => ownerOf(objectOf(one))),
      containers: containers("container"),
      initContainers: containers("initContainer"),
      ephemeralContainers: containers("ephemeralContainer"),
    };
  } catch (thrown) {
    if (thrown instanceof Flaw) return undefined;
    throw thrown;
  }
}

const containerOf = (status: Readonly<Record<string, unknown>>): PodContainer => ({
  name: needed(status.name, /^[a-z0-9-]{1,63}$/),
  id: withoutScheme(textOf(status.containerID)),
  image: imageOf(textOf(status.image)),
  imageId: imageOf(withoutScheme(textOf(status.imageID))),
});

const ownerOf = (owner: Readonly<Record<string, unknown>>): PodOwner => ({
  kind: needed(owner.kind, /^[A-Za-z0-9]{1,63}$/),
  name: needed(owner.name, /^[a-z0-9.:-]{1,253}$/),
  uid: needed(owner.uid, /^[a-z0-9.:-]{1,253}$/),
});

/** A label that is none by the API's own rules could be taken for another one. */
function labelsOf(value: unknown): Pod["labels"] {
  const labels = Object.entries(objectOf(value));
  if (labels.length > most.labels) throw new Flaw();
  return labels.map(([key, text]) => [
    needed(key, /^[A-Za-z0-9._/-]{1,317}$/),
    needed(text, /^[A-Za-z0-9._-]{0,63}$/),
  ]);
}

/** `containerd://…`, `cri-o://…`, `docker://…`, `docker-pullable://…`. */
const withoutScheme = (id: string): string => id.replace(/^[a-z][a-z0-9+.-]{0,31}:\/\//, "");

const imageOf = (reference: string): string => {
  if (/^[!-~]*$/.test(reference)) return reference;
  throw new Flaw();
};

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new Flaw();
  // What JSON calls __proto__ is a key like any other; what it does not have is not inherited.
  return Object.assign(Object.create(null), value);
}

function listOf(value: unknown, longest: number): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > longest) throw new Flaw();
  return value;
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string" || value.length > most.text) throw new Flaw();
  return value;
}

function needed(value: unknown, form: RegExp): string {
  const text = textOf(value);
  if (typeof value !== "string" || !form.test(text)) throw new Flaw();
  return text;
}
