import type { Der } from "../../domain/certificate/der.ts";
import type { Result } from "../../foundation/result.ts";

export type AskedSignature = { readonly keyId: string; readonly purpose: "leaf"; readonly tbs: Uint8Array };

export type RefusedSignature = {
  readonly code: "grammar" | "unknown-key" | "hsm-failed" | "shutting-down";
  readonly reason: string;
  readonly journaled: boolean;
};

type KeeperStatus = {
  readonly state: "ready" | "degraded" | "down" | "recovering";
  readonly reason: string;
  readonly tokenLabel: string;
  readonly sessions: number;
  readonly journalLines: bigint;
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
  readJournal(fromSequence: bigint, signal: AbortSignal): AsyncIterable<readonly KeeperLine[]>;
}

type DescribedKey = {
  readonly keyId: string;
  readonly label: string;
  readonly tokenLabel: string;
  readonly spki: Der;
  readonly certificate: Der;
};
