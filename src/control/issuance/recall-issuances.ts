import type { Clock } from "../../foundation/clock.ts";
import { pause } from "../../foundation/deadline.ts";
import type { LeafCursor, LedgerReader } from "../ledger/ledger-reader.ts";
import type { LastIssuances } from "./last-issuances.ts";

type Deps = {
  readonly ledger: Pick<LedgerReader, "counts" | "leaves">;
  readonly memory: Pick<LastIssuances, "recall">;
  /** Every authority that somebody may hold a leaf of. */
  readonly authorityKeyIds: () => readonly string[];
  readonly clock: Clock;
};

/** More than twice what the memory holds: older leaves have given way to newer ones in it, or ended. */
const mostIntents = 1_000_000;
/** Between two pages: the ledger's reader answers others too. */
const restMs = 10;

/**
 * Fills the memory of what was last issued from the ledger, with the leaves that have not ended: a server that was started again
 * would otherwise take every renewal for a first issue. Reads the newest million intents, a page at a time, beside issuance: what
 * is issued meanwhile stands. Resolves with how many leaves were read. Rejects with LEDGER_FAILED or the signal's reason.
 */
export async function recallIssuances(deps: Deps, signal: AbortSignal): Promise<number> {
  const { intents } = await deps.ledger.counts(signal);
  const oldest = { intent: Math.max(0, intents - mostIntents) };
  let read = 0;
  for (const keyId of deps.authorityKeyIds()) read += await recallOf(deps, { keyId, oldest }, signal);
  return read;
}

async function recallOf(
  { ledger, memory, clock }: Deps,
  { keyId, oldest }: { readonly keyId: string; readonly oldest: LeafCursor },
  signal: AbortSignal,
): Promise<number> {
  let from: LeafCursor | undefined = oldest;
  let read = 0;
  while (from !== undefined) {
    const page = await ledger.leaves({ authorityKeyId: keyId, notBefore: clock.now(), from }, signal);
    for (const { requester, spiffeId, authorityKeyId, issuedAt, notAfter } of page.leaves) {
      const [issuedAtMs, notAfterMs] = [issuedAt.getTime(), notAfter.getTime()];
      memory.recall({ requester, spiffeId, authorityKeyId, issuedAtMs, notAfterMs });
    }
    read += page.leaves.length;
    from = page.next;
    if (from !== undefined) await pause(restMs, signal);
    signal.throwIfAborted();
  }
  return read;
}
