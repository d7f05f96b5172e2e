import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import { remainingMs } from "../../foundation/deadline.ts";
import { type Result, refused } from "../../foundation/result.ts";
import type { IssuancePipeline } from "./pipeline.ts";
import { type OpaqueRefusal, opaqueRefusal } from "./refusal.ts";
import type { Caller, Issued, Wanted } from "./request.ts";

type Asked = {
  readonly wanted: Wanted;
  readonly csr: Uint8Array;
  /** How long the caller waits; what its call says, when left out. */
  readonly timeoutMs?: number | undefined;
};

/** The pipeline as attested nodes see it: what they may ask for, and refusals that tell them nothing. */
export class NodeDoor {
  readonly #pipeline: Pick<IssuancePipeline, "issue">;
  readonly #server: SpiffeId;

  /** `server` is the server's own SPIFFE ID, in whose name a node that it has just attested gets its first SVID. */
  constructor(pipeline: Pick<IssuancePipeline, "issue">, server: SpiffeId) {
    this.#pipeline = pipeline;
    this.#server = server;
  }

  issue(
    agent: SpiffeId,
    item: { readonly entryId: string; readonly csr: Uint8Array; readonly timeoutMs?: number | undefined },
    signal: AbortSignal,
  ): Promise<Result<Issued, OpaqueRefusal>> {
    const { entryId, csr, timeoutMs } = item;
    const wanted = { kind: "entry", entryId } as const;
    return this.#ask({ kind: "agent", id: agent }, { wanted, csr, timeoutMs }, signal);
  }

  renewNode(agent: SpiffeId, csr: Uint8Array, signal: AbortSignal): Promise<Result<Issued, OpaqueRefusal>> {
    return this.#ask({ kind: "agent", id: agent }, { wanted: { kind: "node", id: agent }, csr }, signal);
  }

  /** The first SVID of a node that attestation has just proved. */
  admitNode(agent: SpiffeId, csr: Uint8Array, signal: AbortSignal): Promise<Result<Issued, OpaqueRefusal>> {
    const caller = { kind: "server", id: this.#server } as const;
    return this.#ask(caller, { wanted: { kind: "node", id: agent }, csr }, signal);
  }

  async #ask(caller: Caller, asked: Asked, signal: AbortSignal): Promise<Result<Issued, OpaqueRefusal>> {
    const timeoutMs = asked.timeoutMs ?? remainingMs(signal);
    const outcome = await this.#pipeline.issue({ ...asked, caller, timeoutMs }, signal);
    return outcome.ok ? outcome : refused(opaqueRefusal(outcome.error));
  }
}
