import type { ProcessIdentity } from "../../domain/identity/process-identity.ts";
import type { Bundle } from "../../domain/trust/bundle.ts";
import type { X509Svid } from "../../domain/trust/svid.ts";

/** Where the Workload API gets identities. The agent implements it. */
export interface IdentitySource {
  /** Opens what one process may have, for one stream. Rejects with PERMISSION_DENIED when it cannot be identified. */
  open(caller: ProcessIdentity, signal: AbortSignal): Promise<CallerIdentities>;
}

/**
 * `unknown`: the registrations are not here yet, or an attestor fails whose word decides what comes first. `none`: no registration is for this process. `some`: it has identities;
 * `isComplete` is false while the first SVID of one of them is still being made.
 */
export type IdentityState =
  | { readonly state: "unknown" | "none" }
  | {
      readonly state: "some";
      /** The default identity first. */
      readonly svids: readonly X509Svid[];
      readonly isComplete: boolean;
      readonly bundle: Bundle;
    };

/** What one message gives: SVIDs with the bundle, or the bundle alone (no SVIDs). */
export type IdentityDelivery = { readonly svids: readonly X509Svid[]; readonly bundle: Bundle };

export interface CallerIdentities {
  /** Answers from memory; the same content comes as the same objects. */
  current(): IdentityState;
  /** Calls the listener whenever `current` may have changed. Returns what ends that. */
  onChange(listener: () => void): () => void;
  /** Resolves once it is durable that the process is about to be given this; nothing is written before. */
  beforeDelivery(delivery: IdentityDelivery, signal: AbortSignal): Promise<void>;
  /** The stream was still open a settling time after the write of its last delivery. */
  settled(): void;
  /** The stream has ended. */
  close(): void;
}
