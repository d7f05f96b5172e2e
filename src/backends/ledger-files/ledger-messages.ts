import type { ArchiveState, SealedTile } from "../../control/ledger/ledger-archiver.ts";
import type { LogHead, LogSearch } from "../../control/ledger/ledger-log.ts";
import type {
  EntryCheck,
  IntentQuery,
  LeafCursor,
  LedgerCounts,
  LedgerMark,
} from "../../control/ledger/ledger-reader.ts";
import type { ThreadError } from "../store/thread-faults.ts";
import type { OutcomeKind } from "./ledger-tables.ts";
import type { LogPage } from "./log-search.ts";

/** Where the ledger lies, and the name of its log. */
export type LedgerPlace = { readonly file: string; readonly origin: string };

/** What the ledger threads are started with, by way of workerData. */
export type LedgerThreadData = LedgerPlace & { readonly role: "writer" | "reader" | "archiver" };

/** `frames` holds this many calls (call-frames.ts). */
export type WriterRequest = {
  readonly kind: "record";
  readonly frames: Uint8Array<ArrayBuffer>;
  readonly calls: number;
};

/** Puts an archive tile on record, or deletes some of the rows that are in tiles. Answered with nothing. */
export type ArchiveRequest =
  | { readonly kind: "seal"; readonly tile: SealedTile }
  | { readonly kind: "prune" };

/** Writes the next tile that is due to its file. */
export type ArchiverRequest = { readonly kind: "build"; readonly expiredBefore: number };

/** By the position of the call among those of its message; undefined where all were recorded. */
export type CallsFailed = Readonly<Record<number, ThreadError>> | undefined;

export type ReaderRequest =
  | { readonly kind: "counts" }
  | { readonly kind: "intents"; readonly query: IntentQuery }
  | {
      readonly kind: "leaves";
      readonly authorityKeyId: string;
      readonly notBefore: number;
      readonly from: LeafCursor;
    }
  | { readonly kind: "leaf"; readonly serial: string }
  | { readonly kind: "check"; readonly pass: number; readonly from: number; readonly upTo: LedgerMark }
  | { readonly kind: "head" }
  | { readonly kind: "inclusion"; readonly index: number; readonly size: number }
  | { readonly kind: "consistency"; readonly old: number; readonly size: number }
  | { readonly kind: "entries"; readonly from: number; readonly upTo: number }
  | { readonly kind: "search"; readonly wanted: LogSearch }
  | { readonly kind: "archive" }
  | { readonly kind: "archive-flaws" };

/** Plain rows: bytes and times get their types in the thread that asked. */
export type IntentRow = {
  readonly id: number;
  readonly serial: Uint8Array;
  readonly key_id: Uint8Array;
  readonly tbs_sha256: Uint8Array;
  readonly at: number;
  readonly outcome: OutcomeKind | "open";
};

export type LeafRow = {
  readonly id: number;
  readonly serial: Uint8Array;
  readonly key_id: Uint8Array;
  readonly spiffe_id: string;
  readonly entry_id: string;
  readonly requester: string;
  readonly at: number;
  readonly not_after: number;
};

export type ReaderReply =
  | { readonly kind: "counts"; readonly counts: LedgerCounts }
  | { readonly kind: "intents"; readonly rows: readonly IntentRow[] }
  | { readonly kind: "leaves"; readonly rows: readonly LeafRow[]; readonly next: LeafCursor | undefined }
  | { readonly kind: "leaf"; readonly row: LeafRow | undefined }
  | { readonly kind: "check"; readonly check: EntryCheck }
  | { readonly kind: "head"; readonly head: LogHead }
  | { readonly kind: "proof"; readonly proof: readonly Uint8Array[]; readonly oldRoot: Uint8Array }
  | { readonly kind: "entries"; readonly entries: readonly Uint8Array[] }
  | { readonly kind: "search"; readonly page: LogPage }
  | { readonly kind: "archive"; readonly state: ArchiveState }
  | { readonly kind: "flaws"; readonly flaws: readonly string[] };
