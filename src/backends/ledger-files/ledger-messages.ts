import type {
  EntryCheck,
  IntentQuery,
  LeafCursor,
  LedgerCounts,
  LedgerMark,
} from "../../control/ledger/ledger-reader.ts";
import type { Intent, LedgerEvent } from "../../control/ledger/ledger-writer.ts";
import type { OutcomeKind } from "./ledger-tables.ts";

/** What the ledger threads are started with, by way of workerData. */
export type LedgerThreadData = { readonly role: "writer" | "reader"; readonly file: string };

/** Bodies travel as one transferred buffer per call: cloning views would copy whatever buffer they look into. */
export type OutcomeRow = {
  readonly serial: string;
  readonly authorityKeyId: string;
  readonly kind: OutcomeKind;
  readonly bodyLength: number;
};

export type WriterRequest =
  | { readonly kind: "intents"; readonly intents: readonly Intent[] }
  | {
      readonly kind: "outcomes";
      readonly at: number;
      readonly rows: readonly OutcomeRow[];
      readonly bodies: Uint8Array;
    }
  | { readonly kind: "event"; readonly event: LedgerEvent };

export type ReaderRequest =
  | { readonly kind: "counts" }
  | { readonly kind: "intents"; readonly query: IntentQuery }
  | { readonly kind: "leaves"; readonly authorityKeyId: string; readonly from: LeafCursor }
  | { readonly kind: "leaf"; readonly serial: string }
  | { readonly kind: "check"; readonly from: number; readonly upTo: LedgerMark };

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
  | { readonly kind: "leaves"; readonly rows: readonly LeafRow[] }
  | { readonly kind: "check"; readonly check: EntryCheck };
