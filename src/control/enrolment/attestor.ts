import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Result } from "../../foundation/result.ts";

/** What a node shows, and how it is asked more. */
export type Evidence = {
  readonly payload: Uint8Array;
  /** The request that is to be certified; its own proof is checked when it is. */
  readonly csr: Uint8Array;
  /** Sends the challenge to the node and gives its answer, or why none came in time. */
  challenge(challenge: Uint8Array, signal: AbortSignal): Promise<Result<Uint8Array, string>>;
};

/** A node that has proved itself; its proof is held for it until `settle`. */
export type Attested = {
  readonly agentId: SpiffeId;
  /**
   * Called once: with true when the node's SVID is recorded and about to be handed out, with false when there will be
   * none. False comes back when the proof was lost to another attempt meanwhile: the SVID must not be handed out.
   */
  settle(issued: boolean, signal: AbortSignal): Promise<boolean>;
};

export type AttestationRefusal =
  /** For the audit log; the caller learns nothing. */
  | { readonly code: "refused"; readonly reason: string }
  /** Another attempt with the same proof is under way. */
  | { readonly code: "busy"; readonly retryAfterMs: number };

/** One way for a node to prove itself: one file each, registered by name in the server's wiring. */
export interface Attestor {
  /** What the agent asks for, and a segment of the agent's SPIFFE ID. */
  readonly name: string;
  attest(evidence: Evidence, signal: AbortSignal): Promise<Result<Attested, AttestationRefusal>>;
}

/** A proof that may be given again, by the same node: nothing is held for it. */
export const reusableProof = (agentId: SpiffeId): Attested => ({ agentId, settle: async () => true });

export const refuseNode = (reason: string): Result<never, AttestationRefusal> => ({
  ok: false,
  error: { code: "refused", reason },
});
