import { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** Rows in an archive tile, always all of them: 16 tiles of the tree, a few megabytes of certificates. */
export const archiveTileRows = 4096;

/** Tiles of log entries are numbered by log index / 4096, those of intents by (id - 1) / 4096. */
export type ArchiveTileName = { readonly kind: "entries" | "intents"; readonly number: number };

/** A log entry as its row was: the intent that it ends, if any, and its kind's number in the tables. */
export type ArchivedEntry = {
  readonly intent: number | null;
  readonly outcome: number;
  readonly body: Uint8Array;
};

/** An intent as its row was, and the log entry that ended it. Authority and subject are numbers of rows that stay. */
export type ArchivedIntent = {
  readonly authority: number;
  readonly serial: Uint8Array;
  readonly tbsSha256: Uint8Array;
  readonly subject: number;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
  readonly at: number;
  readonly logIndex: number;
  readonly outcome: number;
};

const version = "meshmint ledger archive 1";

/** The same rows always make the same bytes: a tile that is written again after a crash is the same file. */
export function writeEntryTile(target: ByteWriter, number: number, entries: readonly ArchivedEntry[]): void {
  writeHead(target, { kind: "entries", number }, entries.length);
  for (const { intent, outcome, body } of entries) {
    target.u64(intent ?? 0);
    target.u8(outcome);
    target.bytes16(body);
  }
}

export function writeIntentTile(
  target: ByteWriter,
  number: number,
  intents: readonly ArchivedIntent[],
): void {
  writeHead(target, { kind: "intents", number }, intents.length);
  for (const intent of intents) {
    target.u64(intent.authority);
    target.bytes8(intent.serial);
    target.bytes8(intent.tbsSha256);
    target.u64(intent.subject);
    target.u64(intent.notAfter);
    target.u64(intent.at);
    target.u64(intent.logIndex);
    target.u8(intent.outcome);
  }
}

/** Views into the bytes. Throws a RangeError for anything but this very tile. */
export const readEntryTile = (bytes: Uint8Array, number: number): ArchivedEntry[] =>
  readRows(bytes, { kind: "entries", number }, (reader) => {
    const intent = reader.u64();
    return { intent: intent === 0 ? null : intent, outcome: reader.u8(), body: reader.bytes16() };
  });

/** Views into the bytes. Throws a RangeError for anything but this very tile. */
export const readIntentTile = (bytes: Uint8Array, number: number): ArchivedIntent[] =>
  readRows(bytes, { kind: "intents", number }, (reader) => ({
    authority: reader.u64(),
    serial: reader.bytes8(),
    tbsSha256: reader.bytes8(),
    subject: reader.u64(),
    notAfter: reader.u64(),
    at: reader.u64(),
    logIndex: reader.u64(),
    outcome: reader.u8(),
  }));

function writeHead(target: ByteWriter, { kind, number }: ArchiveTileName, rows: number): void {
  if (rows !== archiveTileRows) throw new RangeError(`an archive tile of ${rows} rows`);
  target.text16(`${version} ${kind}`);
  target.u64(number);
}

function readRows<Row>(
  bytes: Uint8Array,
  { kind, number }: ArchiveTileName,
  readRow: (reader: ByteReader) => Row,
): Row[] {
  const reader = new ByteReader(bytes);
  if (reader.text16() !== `${version} ${kind}` || reader.u64() !== number) {
    throw new RangeError("it is another file");
  }
  const rows = Array.from({ length: archiveTileRows }, () => readRow(reader));
  if (!reader.isAtEnd) throw new RangeError("bytes follow its rows");
  return rows;
}
