import type { ClosedAs } from "../../domain/ledger/log-entry.ts";
import type { TreeHead } from "../../domain/ledger/merkle-verify.ts";

/** The newest checkpoint, the key that signs checkpoints (`name+hash+key`), and how far the log is ahead of it. */
export type LogHead = TreeHead & {
  /** The signed note; empty while there is none yet. */
  readonly note: string;
  readonly verifierKey: string;
  /** When it was made. */
  readonly at: Date;
  /** Entries that are recorded, but not in it yet. */
  readonly behind: number;
};

/** What an entry is told apart by; whatever is left out does not matter. */
export type LogSearch = {
  /** Lower-case hexadecimal. */
  readonly serial?: string | undefined;
  readonly spiffeId?: string | undefined;
  readonly entryId?: string | undefined;
  readonly authorityKeyId?: string | undefined;
  /** "certificate", how an intent was closed, or an event's kind. */
  readonly kind?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  /** Only entries from this log index on. */
  readonly from: number;
  readonly limit: number;
};

export type FoundEntry = {
  readonly logIndex: number;
  readonly kind: "certificate" | ClosedAs | string;
  readonly at: Date;
  /** The log entry's bytes (docs/ledger.md). */
  readonly entry: Uint8Array;
};

/**
 * The ledger as a log: proofs against checkpoints, and its entries. Every method rejects with LEDGER_FAILED; what is asked
 * beyond the newest checkpoint, with INVALID_ARGUMENT.
 */
export interface LedgerLog {
  head(signal: AbortSignal): Promise<LogHead>;
  /** The hashes of RFC 9162 §2.1.3.1 for an entry in the tree of `size`. */
  inclusion(at: { index: number; size: number }, signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /** The hashes of RFC 9162 §2.1.4.1, and the root that this log had at the old size. */
  consistency(
    between: { old: number; size: number },
    signal: AbortSignal,
  ): Promise<{ readonly oldRoot: Uint8Array; readonly proof: readonly Uint8Array[] }>;
  /** Entries from a log index on, a page; empty at the end. */
  entries(range: { from: number; upTo: number }, signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /** A page of what fits, and where the next one begins; undefined where nothing is left. */
  search(
    wanted: LogSearch,
    signal: AbortSignal,
  ): Promise<{ readonly found: readonly FoundEntry[]; readonly next: number | undefined }>;
}
