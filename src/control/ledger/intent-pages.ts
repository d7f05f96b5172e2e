import type { LedgerMark, LedgerReader, RecordedIntent } from "./ledger-reader.ts";

export type IntentRange = {
  readonly after: number;
  readonly upTo: LedgerMark;
  readonly openOnly: boolean;
};

/** The intents of a range, a page at a time: never all in memory. */
export async function* intentPages(
  reader: LedgerReader,
  range: IntentRange,
  signal: AbortSignal,
): AsyncGenerator<readonly RecordedIntent[]> {
  let { after } = range;
  for (;;) {
    const page = await reader.intents({ ...range, after }, signal);
    const last = page.at(-1);
    if (!last) return;
    after = last.id;
    yield page;
  }
}
