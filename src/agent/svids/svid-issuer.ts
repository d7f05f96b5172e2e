import type { Der } from "../../domain/certificate/der.ts";
import type { Result } from "../../foundation/result.ts";

export type IssueItem = { readonly entryId: string; readonly csr: Der };

export type IssuedChain = { readonly chain: readonly Der[]; readonly authorityKeyId: string };

/** The server says no more on purpose. `retryAfterMs` is 0 when it named no time. */
export type IssueRefusal = { readonly code: string; readonly retryAfterMs: number };

/** Asks the server for certificates. Items asked for in the same turn of the event loop travel in one batch. */
export interface SvidIssuer {
  /** Rejects with SERVER_UNAVAILABLE, or the signal's reason. */
  issue(item: IssueItem, signal: AbortSignal): Promise<Result<IssuedChain, IssueRefusal>>;
}
