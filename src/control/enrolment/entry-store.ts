import type { RegistrationEntry } from "../../domain/identity/registration-entry.ts";
import type { Result } from "../../foundation/result.ts";

/** Why a write found nothing to write: each is something the caller can act on. */
export type EntryWriteRefusal = "not-found" | "stale-revision" | "exists";

/** Of several changes the first that could not be made, counted from 0. */
export type EntryWriteStop = { readonly index: number; readonly code: EntryWriteRefusal };

/**
 * insert: refused with "exists" when an entry with this parent, identity and selectors is there. replace: compare-and-set by the
 * revision that was read; what comes back has the next one. remove: likewise where a revision is named.
 */
export type EntryChange =
  | { readonly insert: RegistrationEntry }
  | { readonly replace: RegistrationEntry }
  | { readonly remove: { readonly id: string; readonly revision?: number } };

/** Where registration entries live. */
export interface EntryStore {
  /** All of them in this order, as one, or none. Rejects with STORE_FAILED when the store cannot be reached. */
  write(
    changes: readonly EntryChange[],
    signal: AbortSignal,
  ): Promise<Result<readonly RegistrationEntry[], EntryWriteStop>>;
}

/** A position in the order of commits. */
export type FeedCursor = number;

export type FeedPage = {
  readonly cursor: FeedCursor;
  /** Each entry that changed, as it is now; undefined when it is gone. */
  readonly changed: ReadonlyMap<string, RegistrationEntry | undefined>;
};

/** Tells of every committed change, whoever made it. */
export interface EntryFeed {
  snapshot(signal: AbortSignal): Promise<{ entries: readonly RegistrationEntry[]; cursor: FeedCursor }>;
  /** Everything after `cursor`, or undefined when the feed no longer reaches back so far: take a snapshot. */
  since(cursor: FeedCursor, signal: AbortSignal): Promise<FeedPage | undefined>;
  /** Calls the listener soon after each commit; it says only that something changed. Returns the way to stop it. */
  onCommit(listener: () => void): () => void;
}
