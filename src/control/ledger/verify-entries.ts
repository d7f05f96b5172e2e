import type { LedgerCounts, LedgerReader } from "./ledger-reader.ts";

/** Tells verifications that run at once apart. */
let passes = 0;

/**
 * Recomputes every log entry's hash, the tree and the checkpoints, up to where the ledger was when this began. `flaws` has
 * a sentence for each thing that is wrong.
 */
export async function verifyEntries(
  reader: LedgerReader,
  signal: AbortSignal,
  onProgress: (done: number, size: number) => void = () => undefined,
): Promise<{ readonly mark: LedgerCounts; readonly flaws: readonly string[] }> {
  const mark = await reader.counts(signal);
  const flaws: string[] = [];
  let certificates = 0;
  passes += 1;
  const pass = passes;
  for (let from = 0; from < mark.entries; ) {
    const check = await reader.checkEntries({ pass, from, upTo: mark }, signal);
    flaws.push(...check.flaws);
    certificates += check.certificates;
    from = check.next;
    onProgress(from, mark.entries);
  }
  if (certificates !== mark.certificates) {
    flaws.push(`the ledger counts ${mark.certificates} certificates, but holds ${certificates}`);
  }
  return { mark, flaws };
}
