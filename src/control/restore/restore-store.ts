/** A line of a signer's journal that the ledger knows nothing of: the intent was in the part that a restore has lost. */
export type LostLine = {
  readonly tbsSha256: string;
  readonly keyId: string;
  /** "" where there is one signer. */
  readonly signer: string;
  readonly sequence: bigint;
};

/** A restore, as the server found it at its next start. */
export type Restore = {
  readonly noticedAt: Date;
  /** Until then a leaf that was lost may still be in use, and an agent may know more than this server. */
  readonly until: Date;
  readonly lostLines: number;
  /** Intents that the restored ledger had without their ends: their leaves may have been handed out. */
  readonly openIntents: number;
};

/** What restores have cost. Every method rejects with STORE_FAILED. */
export interface RestoreStore {
  restores(signal: AbortSignal): Promise<readonly Restore[]>;
  /** TBS hashes of all lost lines. */
  lostTbs(signal: AbortSignal): Promise<ReadonlySet<string>>;
  /** Both or neither; a line that is known already stays as it is. */
  add(restore: Restore, lines: readonly LostLine[], signal: AbortSignal): Promise<void>;
}
