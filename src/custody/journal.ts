export type NewLine = { readonly keyId: string; readonly tbsSha256: string };
export type JournalLine = NewLine & { readonly sequence: bigint };

/** What the signer was about to sign, in order, without gaps, from sequence 1 on. */
export interface Journal {
  /**
   * Hands the lines to the kernel with one write before it returns, so that they survive the death of this process; a crash
   * of the machine may cost the lines of the last second. Throws LEDGER_FAILED: then it took none of them, and nothing may
   * be signed for them.
   */
  append(lines: readonly NewLine[]): void;
  /** Lines since the journal began. */
  lines(): bigint;
  /** Pages of lines in order, from one sequence on, up to the last line there is now. */
  read(fromSequence: bigint, signal: AbortSignal): AsyncIterable<readonly JournalLine[]>;
}
