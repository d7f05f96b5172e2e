import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import { Fault } from "../../foundation/fault.ts";

/** A client library opens two; each one is a line in the record of who holds what. */
const mostStreams = 256;

/** How many streams each process has open: one of them must not fill the node's roster. */
export class StreamCounts {
  readonly #open = new Map<string, number>();

  /** Counts a stream until the returned function is called, once. Throws QUEUE_FULL for a process with too many. */
  enter({ pid, startTime }: ProcessIdentity): () => void {
    const key = `${pid} ${startTime}`;
    const open = this.#open.get(key) ?? 0;
    if (open >= mostStreams) {
      throw new Fault("QUEUE_FULL", `a process has at most ${mostStreams} Workload API streams open`);
    }
    this.#open.set(key, open + 1);
    return () => {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
    };
  }
}
