import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { AgentObserver } from "../agent-event.ts";

const mostRemembered = 1024;

/** Says once of each process that its control group is not what it pretends to be. */
export class OddGroups {
  readonly #attestor: string;
  readonly #observer: AgentObserver;
  readonly #told = new Set<string>();

  constructor(attestor: string, observer: AgentObserver) {
    this.#attestor = attestor;
    this.#observer = observer;
  }

  /** The selectors of such a process: none. */
  refuse({ pid, startTime }: ProcessIdentity, reason: string): readonly string[] {
    const key = `${pid} ${startTime} ${reason}`;
    if (this.#told.has(key)) return [];
    if (this.#told.size >= mostRemembered) this.#told.clear();
    this.#told.add(key);
    this.#observer.saw({ kind: "cgroup-refused", pid, attestor: this.#attestor, reason });
    return [];
  }
}
