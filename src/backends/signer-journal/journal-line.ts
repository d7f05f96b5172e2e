import type { JournalLine } from "../../custody/journal.ts";

/** `SEQUENCE KEY-ID TBS-SHA256\n`, every line of the same length, so that a sequence number is a place in the file. */
export const lineBytes = 20 + 1 + 40 + 1 + 64 + 1;

export const printLine = (line: JournalLine): string =>
  `${line.sequence.toString().padStart(20, "0")} ${line.keyId} ${line.tbsSha256}\n`;

/** Reads one line with its newline; undefined when it is not exactly what printLine writes. */
export function parseLine(text: string): JournalLine | undefined {
  const match = /^(\d{20}) ([0-9a-f]{40}) ([0-9a-f]{64})\n$/.exec(text);
  if (match === null) return undefined;
  const [, sequence = "", keyId = "", tbsSha256 = ""] = match;
  return { sequence: BigInt(sequence), keyId, tbsSha256 };
}
