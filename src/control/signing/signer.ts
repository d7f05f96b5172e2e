import type { Der } from "../../domain/certificate/der.ts";
import type { Result } from "../../foundation/result.ts";

export type SignItem = { readonly keyId: string; readonly tbs: Der };

export type SignRefusal = {
  readonly code: "grammar" | "unknown-key" | "hsm-failed" | "shutting-down" | "no-signer";
  readonly reason: string;
  /** The signer's journal has a line for this item, so the token may have signed it. */
  readonly journaled: boolean;
};

/**
 * Signs with CA keys that never leave their token. Rejects with SIGNER_UNAVAILABLE, or the signal's reason: then it is not
 * known whether an item was signed, and only the journal can tell.
 */
export interface Signer {
  /** Signatures as r‖s, one outcome per item in the order asked. One bad item never spoils the batch. */
  sign(items: readonly SignItem[], signal: AbortSignal): Promise<readonly Result<Uint8Array, SignRefusal>[]>;
  /** Undefined when no token holds the key. Looked up in the token at each call, so a new key needs no restart. */
  describeKey(keyId: string, signal: AbortSignal): Promise<SigningKey | undefined>;
  status(signal: AbortSignal): Promise<SignerStatus>;
  /** The journal in order, from `fromSequence` on. */
  readJournal(fromSequence: bigint, signal: AbortSignal): AsyncIterable<JournalLine>;
}

export type SigningKey = {
  readonly keyId: string;
  readonly label: string;
  readonly tokenLabel: string;
  readonly spki: Der;
  /** The authority's certificate, as the ceremony stored it in the token beside the key. */
  readonly certificate: Der;
};

export type SignerState = "ready" | "degraded" | "down" | "recovering";

export type SignerStatus = {
  readonly state: SignerState;
  readonly reason: string;
  readonly tokenLabel: string;
  readonly sessions: number;
  readonly journalLines: bigint;
};

export type JournalLine = { readonly sequence: bigint; readonly keyId: string; readonly tbsSha256: string };
