import type { Agent } from "../../agent/agent.ts";
import { Fault } from "../../foundation/fault.ts";
import type { SecretSource } from "../../protocols/sds/secret-source.ts";
import type { IdentitySource } from "../../protocols/workload-api/identity-source.ts";

/**
 * The agent for protocols that are served before it is there: while the node joins, callers hear Unavailable and come
 * back (Workload Endpoint §5), instead of finding no socket.
 */
export class LateSources {
  #agent: Agent | undefined;

  fill(agent: Agent): void {
    this.#agent = agent;
  }

  readonly secrets: SecretSource = {
    open: async (caller, signal) => this.#required().secrets.open(caller, signal),
  };

  readonly identities: IdentitySource = {
    open: async (caller, signal) => this.#required().identities.open(caller, signal),
  };

  #required(): Agent {
    if (this.#agent === undefined) {
      throw new Fault("SERVER_UNAVAILABLE", "the agent is starting; try again");
    }
    return this.#agent;
  }
}
