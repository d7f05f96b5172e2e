import type { Der } from "../../domain/certificate/der.ts";
import type { Result } from "../../foundation/result.ts";

export type SignItem = { readonly keyId: string; readonly tbs: Der };

export type SignRefusal = {
  readonly code: "grammar" | "unknown-key" | "hsm-failed" | "shutting-down" | "busy" | "no-signer";
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
  /** What happened to its token after the event named, at most what it still keeps. */
  events(after: HsmCursor, signal: AbortSignal): Promise<HsmEvents>;
  /** The journal in order, from `fromSequence` on. */
  readJournal(fromSequence: bigint, signal: AbortSignal): AsyncIterable<JournalLine>;
}

/** What lies in a signer's token, whether it signs with it or not. */
export interface KeyLister {
  /** In order of id and label. Rejects with SIGNER_UNAVAILABLE or HSM_REFUSED. */
  listKeys(signal: AbortSignal): Promise<readonly TokenKey[]>;
}

/** A private key of a token, as its signer tells it: nobody has looked at the certificate yet. */
export type TokenKey = {
  /** CKA_ID, hexadecimal; "" for a key that its ceremony has not named yet. */
  readonly keyId: string;
  readonly label: string;
  /** Undefined for a key that no ceremony has finished with. */
  readonly certificate: Der | undefined;
  /** Why the signer signs nothing with it although it has a certificate; "" when it does. */
  readonly flaw: string;
};

export type SigningKey = {
  readonly keyId: string;
  readonly label: string;
  readonly tokenLabel: string;
  readonly spki: Der;
  /** The authority's certificate, as the ceremony stored it in the token beside the key. */
  readonly certificate: Der;
};

/** What one of several signers says of a key: the key, that it holds none, or why it could not be asked. */
export type KeyAnswer = {
  readonly signer: string;
  readonly key?: SigningKey | undefined;
  readonly away?: string;
};

/** What one of several signers says that its token holds, or why it could not be asked. */
export type KeyListing = {
  readonly signer: string;
  readonly keys?: readonly TokenKey[];
  readonly away?: string;
};

export type SignerState = "ready" | "degraded" | "down" | "recovering";

export type SignerStatus = {
  readonly state: SignerState;
  readonly reason: string;
  readonly tokenLabel: string;
  readonly sessions: number;
  /** Sessions with an operation under way, and items that wait for one. */
  readonly busy: number;
  readonly waiting: number;
  /** Signatures made, and operations that failed, since its worker began. */
  readonly signed: number;
  readonly failed: number;
  /** Signatures by how long the token took, in `latencyBoundsMs` and beyond; and the sum in milliseconds. */
  readonly latencyCounts: readonly number[];
  readonly latencySumMs: number;
  readonly journalLines: bigint;
};

/** Upper bounds of the buckets of `latencyCounts`; the last bucket has none. */
export const latencyBoundsMs: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000,
];

/** A place among the events of one life of a signer's worker. */
export type HsmCursor = { readonly instance: string; readonly sequence: number };

/** An operation of the HSM other than a signature, or a change of its state. */
export type HsmEvent = {
  readonly sequence: number;
  readonly at: Date;
  /** initialize | login | find-key | sign | keep-alive | state | worker */
  readonly operation: string;
  /** "ok", or what went wrong. */
  readonly result: string;
  readonly keyId: string;
  readonly tookMs: number;
};

export type HsmEvents = { readonly instance: string; readonly events: readonly HsmEvent[] };

export type JournalLine = { readonly sequence: bigint; readonly keyId: string; readonly tbsSha256: string };
