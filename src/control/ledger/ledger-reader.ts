import type { IntentOutcome } from "./ledger-writer.ts";

/** How far the ledger had grown at one moment. It only grows, so a mark names that moment's content for ever. */
export type LedgerMark = {
  /** Number of intents; they are numbered from 1. */
  readonly intents: number;
  /** Number of log entries; their log index begins at 0. */
  readonly entries: number;
};

export type ClosedAs = Extract<IntentOutcome, { kind: "closed" }>["as"];

/** Kept with each commit, never counted anew: cheap to ask. */
export type LedgerCounts = LedgerMark & Readonly<Record<"certificates" | ClosedAs, number>>;

/** An intent and how it had ended at a mark. */
export type RecordedIntent = {
  readonly id: number;
  readonly serial: string;
  readonly authorityKeyId: string;
  readonly tbsSha256: string;
  readonly at: Date;
  readonly outcome: "open" | "certificate" | ClosedAs;
};

export type RecordedLeaf = {
  readonly serial: string;
  readonly authorityKeyId: string;
  readonly spiffeId: string;
  readonly entryId: string;
  readonly requester: string;
  /** When its intent was recorded. */
  readonly issuedAt: Date;
  readonly notAfter: Date;
};

/** Where a page of leaves ended; undefined for the first. */
export type LeafCursor = { readonly intent: number };

export type LeafQuery = {
  readonly authorityKeyId: string;
  /** Only leaves whose notAfter is this or later. */
  readonly notBefore: Date;
  readonly from?: LeafCursor | undefined;
};

export type IntentQuery = {
  /** Intents with a greater id. */
  readonly after: number;
  readonly upTo: LedgerMark;
  readonly openOnly: boolean;
};

/** `pass` tells passes that run at once apart; each begins at entry 0 and goes on where its last page ended. */
export type EntryRange = { readonly pass?: number; readonly from: number; readonly upTo: LedgerMark };

/** What a pass over a range of log entries found wrong, one sentence each. */
export type EntryCheck = {
  readonly next: number;
  readonly certificates: number;
  readonly flaws: readonly string[];
};

/**
 * Reads what LedgerWriter recorded, on a connection of its own: no call delays a write. Pages hold at most some
 * thousand rows; an empty page is the end. Every method rejects with LEDGER_FAILED.
 */
export interface LedgerReader {
  counts(signal: AbortSignal): Promise<LedgerCounts>;
  /** In the order of their ids. */
  intents(query: IntentQuery, signal: AbortSignal): Promise<readonly RecordedIntent[]>;
  /** Certificates under one authority in the order of their intents, with the cursor of the next page. */
  leaves(
    query: LeafQuery,
    signal: AbortSignal,
  ): Promise<{ leaves: readonly RecordedLeaf[]; next: LeafCursor | undefined }>;
  /** The certificate with this serial number (lower-case hexadecimal), under whichever authority. */
  findLeaf(serial: string, signal: AbortSignal): Promise<RecordedLeaf | undefined>;
  /**
   * Holds a page of log entries against their intents, the tree's tiles and the checkpoints: no gap in the index, the TBS
   * that was announced, every hash recomputed.
   */
  checkEntries(range: EntryRange, signal: AbortSignal): Promise<EntryCheck>;
}
