import type { Der } from "../../domain/certificate/der.ts";
import type { Result } from "../../foundation/result.ts";

export type IssueItem = { readonly entryId: string; readonly csr: Der };

/** How long an agent waits for a certificate; the server is told, and refuses at once what it cannot answer by then. */
export const answerWithinMs = 30_000;

export type IssuedChain = { readonly chain: readonly Der[]; readonly authorityKeyId: string };

/** The server says no more on purpose. `retryAfterMs` is 0 when it named no time. */
export type IssueRefusal = { readonly code: string; readonly retryAfterMs: number };

/** Asks the server for certificates. Items asked for in the same turn of the event loop travel in one batch. */
export interface SvidIssuer {
  /** Rejects with SERVER_UNAVAILABLE, or the signal's reason. */
  issue(item: IssueItem, signal: AbortSignal): Promise<Result<IssuedChain, IssueRefusal>>;
}
