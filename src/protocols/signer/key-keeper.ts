import type { Der } from "../../domain/certificate/der.ts";
import type { Result } from "../../foundation/result.ts";

export type AskedSignature = { readonly keyId: string; readonly purpose: "leaf"; readonly tbs: Uint8Array };

export type RefusedSignature = {
  readonly code: "grammar" | "unknown-key" | "hsm-failed" | "shutting-down" | "busy";
  readonly reason: string;
  readonly journaled: boolean;
};

type KeeperStatus = {
  readonly state: "ready" | "degraded" | "down" | "recovering";
  readonly reason: string;
  readonly tokenLabel: string;
  readonly sessions: number;
  readonly busy: number;
  readonly waiting: number;
  readonly signed: number;
  readonly failed: number;
  /** Signatures in buckets by their time; see SignerStatus in signer_api.proto. */
  readonly latencyCounts: readonly number[];
  readonly latencySumMs: number;
  readonly journalLines: bigint;
};

export type KeeperEvents = {
  readonly instance: string;
  readonly events: readonly {
    readonly sequence: number;
    readonly at: Date;
    readonly operation: string;
    readonly result: string;
    readonly keyId: string;
    readonly tookMs: number;
  }[];
};

export type KeeperLine = { readonly sequence: bigint; readonly keyId: string; readonly tbsSha256: string };

/** What the signer's wire protocol needs of whoever keeps the keys (custody's Custodian). */
export interface KeyKeeper {
  /** One outcome per item, in the order asked; never rejects. */
  sign(
    items: readonly AskedSignature[],
    signal: AbortSignal,
  ): Promise<readonly Result<Uint8Array, RefusedSignature>[]>;
  /** Throws HSM_REFUSED or HSM_UNAVAILABLE. */
  describe(keyId: string): DescribedKey | undefined;
  status(): KeeperStatus;
  /** What happened to the token after that event of that life of the process; all that is kept when it is another life. */
  events(after: { readonly instance: string; readonly sequence: number }): KeeperEvents;
  readJournal(fromSequence: bigint, signal: AbortSignal): AsyncIterable<readonly KeeperLine[]>;
}

type DescribedKey = {
  readonly keyId: string;
  readonly label: string;
  readonly tokenLabel: string;
  readonly spki: Der;
  readonly certificate: Der;
};

/** One place in the order of a token's keys. */
type KeyPlace = { readonly keyId: string; readonly label: string };
type ListedKey = KeyPlace & { readonly certificate: Der | undefined; readonly flaw: string };

/** What else lies in the token (custody's Custodian). */
export interface KeyLister {
  /** A page of what lies behind that place. Throws HSM_REFUSED or HSM_UNAVAILABLE. */
  listKeys(after: KeyPlace | undefined): { readonly keys: readonly ListedKey[]; readonly more: boolean };
}
