import type { TrustDomain } from "../../domain/identity/trust-domain.ts";
import type { TrustState } from "../../domain/trust/trust-state.ts";

/** Where a trust domain's state lives. Both methods reject with STORE_FAILED. */
export interface RotationStore {
  load(trustDomain: TrustDomain, signal: AbortSignal): Promise<TrustState | undefined>;
  /**
   * Compare-and-set: replaces the state whose revision is one less than this one's (nothing, for revision 1). Resolves
   * once it is durable; false when somebody else was first, and then nothing has changed.
   */
  save(state: TrustState, signal: AbortSignal): Promise<boolean>;
}
