import type { Der } from "../../domain/certificate/der.ts";
import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { SpiffeId } from "../../domain/identity/spiffe-id.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { Result } from "../../foundation/result.ts";
import type { HolderReport__Output } from "../../generated/meshmint/node/v1/HolderReport.ts";

/** A minted leaf with the intermediates to send behind it. */
export type IssuedChain = { readonly chain: readonly Der[]; readonly authorityKeyId: string };

/** All that a caller may learn of a refusal; the audit log has the reason. */
export type OpaqueRefusal =
  | { readonly code: "denied" | "invalid" }
  | { readonly code: "retry"; readonly retryAfterMs: number };

/** Whether a node's certificate, although it verifies, is still one that counts: its agent neither banned nor evicted since. */
export interface NodeGate {
  admits(agent: SpiffeId, svid: { readonly serial: string; readonly notBefore: Date }): boolean;
  /** Called when an agent is banned or evicted: its open streams end. Returns the way to stop it. */
  onExpelled(listener: (agent: SpiffeId) => void): () => void;
}

/** Proves a new node and mints its first SVID. `source` is the caller's address, for rate limits. */
export interface NodeAttestation {
  attest(claim: AttestationClaim, signal: AbortSignal): Promise<Result<IssuedChain, OpaqueRefusal>>;
}

export type AttestationClaim = {
  readonly attestor: string;
  readonly payload: Uint8Array;
  readonly csr: Uint8Array;
  readonly source: string;
  /** Sends a challenge and gives the node's answer, or why none came. */
  challenge(challenge: Uint8Array, signal: AbortSignal): Promise<Result<Uint8Array, string>>;
};

/**
 * Mints for a node that has proved itself. Items of concurrent calls are batched behind this port. `timeoutMs` is how long the
 * caller waits for the answer, where it said so.
 */
export interface NodeIssuance {
  issue(
    agent: SpiffeId,
    item: { entryId: string; csr: Uint8Array; timeoutMs: number | undefined },
    signal: AbortSignal,
  ): Promise<Result<IssuedChain, OpaqueRefusal>>;
  renewNode(
    agent: SpiffeId,
    csr: Uint8Array,
    signal: AbortSignal,
  ): Promise<Result<IssuedChain, OpaqueRefusal>>;
}

/** What each agent is told of; `onChange` listeners are called after what concerns their agent has changed in memory and return their own end. */
export interface NodeFeed {
  entriesOf(agent: SpiffeId): readonly RegistrationEntry[];
  bundle(agent: SpiffeId): Bundle;
  /** `activeKeyId` is "" while nothing is asked of it. */
  notice(agent: SpiffeId): {
    readonly activeKeyId: string;
    readonly reissueSpreadMs: number;
    /** The key of the authority before is lost. */
    readonly emergency: boolean;
  };
  onChange(agent: SpiffeId, listener: () => void): () => void;
}

/** Shows agents that the ledger has only grown; the proof is empty where there is nothing to prove, or it cannot be. */
export interface LedgerWitnesses {
  advance(
    agent: SpiffeId,
    held: { readonly note: string; readonly finding: string },
    signal: AbortSignal,
  ): Promise<{
    readonly note: string;
    readonly verifierKey: string;
    readonly proof: readonly Uint8Array[];
  }>;
}

/** Takes what agents say of their holders; resolves once it is durable. */
export interface HolderReports {
  accept(agent: SpiffeId, report: HolderReport__Output, signal: AbortSignal): Promise<void>;
  connected(agent: SpiffeId, programVersion: string): void;
  disconnected(agent: SpiffeId): void;
}
