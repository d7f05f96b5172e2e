import type { JournalLine, KeyLister, Signer } from "./signer.ts";

/** A line of one signer's journal; sequence numbers are each signer's own. */
export type FleetJournalLine = JournalLine & { readonly signer: string };

export type NamedSigner = { readonly name: string; readonly signer: Signer & KeyLister };

/**
 * The journals of all signers as one, each in its own order from `fromSequence` on. They are read at the pace of their lengths,
 * so that lines of the same time come near each other. Rejects when one of them cannot be read: half a union proves nothing.
 */
export async function* mergedJournal(
  signers: readonly NamedSigner[],
  fromSequence: bigint,
  signal: AbortSignal,
): AsyncGenerator<FleetJournalLine> {
  const readers = await Promise.all(signers.map((one) => readerOf(one, fromSequence, signal)));
  try {
    for (;;) {
      const next = furthestBehind(readers);
      if (next === undefined) return;
      const line = await next.lines.next();
      if (line.done) next.ended = true;
      else {
        next.read += 1;
        yield { ...line.value, signer: next.name };
      }
    }
  } finally {
    for (const { lines } of readers) await lines.return?.();
  }
}

type Reader = {
  readonly name: string;
  readonly length: number;
  readonly lines: AsyncIterator<JournalLine>;
  read: number;
  ended: boolean;
};

async function readerOf(
  { name, signer }: NamedSigner,
  fromSequence: bigint,
  signal: AbortSignal,
): Promise<Reader> {
  const { journalLines } = await signer.status(signal);
  const lines = signer.readJournal(fromSequence, signal)[Symbol.asyncIterator]();
  return { name, length: Math.max(1, Number(journalLines - fromSequence)), lines, read: 0, ended: false };
}

function furthestBehind(readers: readonly Reader[]): Reader | undefined {
  let found: Reader | undefined;
  for (const reader of readers) {
    if (!reader.ended && (found === undefined || reader.read / reader.length < found.read / found.length))
      found = reader;
  }
  return found;
}
