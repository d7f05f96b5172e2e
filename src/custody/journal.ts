export type JournalLine = { readonly sequence: bigint; readonly keyId: string; readonly tbsSha256: string };

/** What the signer was about to sign, in order, without gaps, from sequence 1 on. */
export interface Journal {
  /**
   * Hands one line to the kernel before it returns, so that it survives the death of this process; a crash of the machine
   * may cost the lines of the last second. Throws LEDGER_FAILED: then nothing may be signed for it.
   */
  append(keyId: string, tbsSha256: string): void;
  /** Lines since the journal began. */
  lines(): bigint;
  /** Pages of lines in order, from one sequence on, up to the last line there is now. */
  read(fromSequence: bigint, signal: AbortSignal): AsyncIterable<readonly JournalLine[]>;
}
