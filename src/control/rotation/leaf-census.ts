import { type Seconds, seconds } from "../../foundation/duration.ts";
import type { LedgerReader, RecordedLeaf } from "../ledger/ledger-reader.ts";

export type LastingLeaf = Pick<RecordedLeaf, "requester" | "spiffeId" | "notAfter">;

/** What a rotation would have to replace. */
export type LeafCensus = {
  /** Identities at requesters, each counted once for each entry, that have a certificate which has not ended. */
  readonly identities: number;
  /** The longest life that any of those certificates was issued with; 0 for none. */
  readonly longestLife: Seconds;
  /** Those that end last, one of each identity, the last one first. */
  readonly last: readonly LastingLeaf[];
};

const mostLast = 5;

/** Counts the leaves under these authorities that end at `notBefore` or later. Keeps one of each identity, not all of them. */
export async function leafCensus(
  ledger: Pick<LedgerReader, "leaves">,
  { authorities, notBefore }: { readonly authorities: readonly string[]; readonly notBefore: Date },
  signal: AbortSignal,
): Promise<LeafCensus> {
  const latest = new Map<string, LastingLeaf>();
  let longestMs = 0;
  for (const authorityKeyId of authorities) {
    for await (const leaf of leavesUnder(ledger, { authorityKeyId, notBefore }, signal)) {
      longestMs = Math.max(longestMs, leaf.notAfter.getTime() - leaf.issuedAt.getTime());
      const key = `${leaf.requester}|${leaf.spiffeId}|${leaf.entryId}`;
      const known = latest.get(key);
      if (!known || known.notAfter < leaf.notAfter) latest.set(key, leaf);
    }
  }
  const inOrder = [...latest.values()].sort((a, b) => b.notAfter.getTime() - a.notAfter.getTime());
  return {
    identities: latest.size,
    longestLife: seconds(Math.ceil(longestMs / 1000)),
    last: inOrder.slice(0, mostLast),
  };
}

async function* leavesUnder(
  ledger: Pick<LedgerReader, "leaves">,
  query: { readonly authorityKeyId: string; readonly notBefore: Date },
  signal: AbortSignal,
): AsyncGenerator<RecordedLeaf, undefined> {
  let page = await ledger.leaves(query, signal);
  while (page.leaves.length > 0) {
    yield* page.leaves;
    page = await ledger.leaves({ ...query, from: page.next }, signal);
  }
}
