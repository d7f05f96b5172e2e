import type { Agent } from "../../agent/agent.ts";
import type { Caller, SecretSource } from "../../protocols/sds/secret-source.ts";
import type { IdentitySource } from "../../protocols/workload-api/identity-source.ts";

/**
 * The agent for protocols that are served before it is there: while the node joins, callers wait instead of finding no
 * socket; the Workload API tells them Unavailable after a while (Workload Endpoint §5), SDS keeps silent.
 */
export class LateSources {
  readonly #agent = Promise.withResolvers<Agent>();

  fill(agent: Agent): void {
    this.#agent.resolve(agent);
  }

  readonly secrets: SecretSource = {
    open: async (caller, signal) => (await this.#arrived(signal)).secrets.open(caller, signal),
  };

  /** Told once the agent is there; a process that goes before is looked for and not found. */
  readonly introduced = (caller: Caller, adminSocket: string | undefined): void => {
    void this.#agent.promise.then((agent) => agent.inspector.introduce(caller, adminSocket));
  };

  readonly identities: IdentitySource = {
    open: async (caller, signal) => (await this.#arrived(signal)).identities.open(caller, signal),
  };

  #arrived(signal: AbortSignal): Promise<Agent> {
    const gone = Promise.withResolvers<never>();
    const abort = () => gone.reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    return Promise.race([this.#agent.promise, gone.promise]).finally(() =>
      signal.removeEventListener("abort", abort),
    );
  }
}
