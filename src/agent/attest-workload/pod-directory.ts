import type { Pod, PodContainer } from "../../domain/workload/pod.ts";
import type { PodCgroup } from "../../domain/workload/pod-cgroup.ts";
import type { Stopwatch } from "../../foundation/clock.ts";
import { withDeadline } from "../../foundation/deadline.ts";
import { Fault } from "../../foundation/fault.ts";
import { type Alarm, pause } from "../alarm.ts";

/** The node's kubelet. */
export interface Kubelet {
  /** The pods of this node. Rejects with ATTESTOR_UNAVAILABLE and what to do about it. */
  pods(signal: AbortSignal): Promise<readonly Pod[]>;
}

export type PodDirectoryDeps = {
  readonly kubelet: Kubelet;
  readonly stopwatch: Stopwatch;
  readonly alarm: Alarm;
  /** Ends what is asked of the kubelet for everybody. */
  readonly lifetime: AbortSignal;
  /** How old an answer may be, how long one may take, and how long a container may be unknown, in milliseconds. */
  readonly maxAgeMs: number;
  readonly withinMs: number;
  readonly patienceMs: number;
};

export type FoundContainer = { readonly pod: Pod; readonly container: PodContainer };

/** The kubelet is not asked more often, whoever comes with unknown containers. */
const leastGapMs = 500;

/**
 * The containers of this node: one answer of the kubelet serves all that ask while it is fresh. A container that is not in
 * it has just begun, or the kubelet has: it is asked again for a while.
 */
export class PodDirectory {
  readonly #deps: PodDirectoryDeps;
  #pods: ReadonlyMap<string, Pod> = new Map();
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** When the answer that is held was asked for. */
  #heldSinceMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(deps: PodDirectoryDeps) {
    this.#deps = deps;
  }

  /** Rejects with ATTESTOR_UNAVAILABLE when the kubelet does not answer, or does not know the container. */
  async find(wanted: PodCgroup, signal: AbortSignal): Promise<FoundContainer> {
    const { stopwatch, maxAgeMs, patienceMs } = this.#deps;
    const giveUpAtMs = stopwatch.ms() + patienceMs;
    if (stopwatch.ms() - this.#heldSinceMs > maxAgeMs) await this.#ask(signal);
    for (;;) {
      const found = this.#lookUp(wanted);
      if (found) return found;
      if (stopwatch.ms() >= giveUpAtMs) throw unknown(wanted);
      await this.#ask(signal);
    }
  }

  #lookUp({ podUid, containerId }: PodCgroup): FoundContainer | undefined {
    const pod = this.#pods.get(podUid);
    if (!pod) return undefined;
    const all = [...pod.containers, ...pod.initContainers, ...pod.ephemeralContainers];
    const container = all.find(({ id }) => id === containerId);
    return container && { pod, container };
  }

  /** One question at a time; whoever comes meanwhile waits for the same answer. */
  async #ask(signal: AbortSignal): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => {
      this.#asking = undefined;
    });
    await Promise.race([this.#asking, rejection(signal)]);
  }

  async #fetch(): Promise<void> {
    const { kubelet, stopwatch, alarm, lifetime, withinMs } = this.#deps;
    const waitMs = this.#askedAtMs + leastGapMs - stopwatch.ms();
    if (waitMs > 0) await pause(alarm, waitMs, lifetime);
    const askedAtMs = stopwatch.ms();
    this.#askedAtMs = askedAtMs;
    const pods = await withDeadline(withinMs, lifetime, (signal) => kubelet.pods(signal));
    this.#pods = byUid(pods);
    this.#heldSinceMs = askedAtMs;
  }
}

/** Two pods under one name are nobody: which of them a process is in cannot be told. */
function byUid(pods: readonly Pod[]): ReadonlyMap<string, Pod> {
  const keys = pods.flatMap((pod) =>
    [...new Set([pod.uid, pod.configHash])].map((key) => [key, pod] as const),
  );
  const found = new Map<string, Pod>();
  const twice = new Set<string>();
  for (const [key, pod] of keys) {
    if (found.has(key)) twice.add(key);
    found.set(key, pod);
  }
  for (const key of ["", ...twice]) found.delete(key);
  return found;
}

const unknown = ({ podUid, containerId }: PodCgroup): Fault => {
  const container = containerId.slice(0, 12);
  const sentence = `the kubelet does not tell of container ${container} in pod ${podUid}; asked again later`;
  return new Fault("ATTESTOR_UNAVAILABLE", sentence);
};

const rejection = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
