/** The last checkpoint that this agent has accepted, and the key that it knows the log by. */
export type HeldCheckpoint = { readonly verifierKey: string; readonly note: string };

/** What the server says of its ledger: empty texts while it has no checkpoint. */
export type LedgerAdvance = HeldCheckpoint & { readonly proof: readonly Uint8Array[] };
