/** A signer of which nothing is asked until an operator releases it, and since when. */
export type Quarantine = { readonly signer: string; readonly reason: string; readonly beganAt: Date };

/** What outlives the server of its signers' quarantines. Every method rejects with STORE_FAILED. */
export interface QuarantineStore {
  all(signal: AbortSignal): Promise<readonly Quarantine[]>;
  /** One that is there already stays as it is. */
  add(quarantine: Quarantine, signal: AbortSignal): Promise<void>;
  /** One that is not there is no failure. */
  remove(signer: string, signal: AbortSignal): Promise<void>;
}
