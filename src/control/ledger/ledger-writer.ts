import type { Der } from "../../domain/certificate/der.ts";

/** What is about to be signed; durable before the token sees it. `serial` is unique per authority. */
export type Intent = {
  readonly serial: string;
  readonly authorityKeyId: string;
  readonly tbsSha256: string;
  readonly spiffeId: string;
  readonly entryId: string;
  /** SPIFFE ID of the agent, admin or server the leaf goes to. */
  readonly requester: string;
  readonly notAfter: Date;
  readonly at: Date;
};

/** How an intent ended. Exactly one per intent, durable before any answer. */
export type IntentOutcome =
  | {
      readonly kind: "certificate";
      readonly serial: string;
      readonly authorityKeyId: string;
      readonly certificate: Der;
    }
  | {
      readonly kind: "closed";
      readonly serial: string;
      readonly authorityKeyId: string;
      readonly as: "not-signed" | "self-check-failed" | "signed-not-recorded";
      readonly reason: string;
    };

/**
 * The durable record of issuance. Both calls resolve only after an fsync'ed commit (group commit in a writer thread)
 * and reject with LEDGER_FAILED: if it cannot record, nothing is issued.
 */
export interface LedgerWriter {
  recordIntents(intents: readonly Intent[], signal: AbortSignal): Promise<void>;
  recordOutcomes(outcomes: readonly IntentOutcome[], signal: AbortSignal): Promise<void>;
  /** Rotation, revocation, admin and HSM events share the log with the certificates. */
  recordEvent(event: LedgerEvent, signal: AbortSignal): Promise<void>;
}

export type LedgerEvent = {
  readonly kind: string;
  readonly actor: string;
  readonly at: Date;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
};
