import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { sameBytes } from "../../domain/certificate/hex.ts";
import type { ArchiveTileName } from "../../domain/ledger/archive-tile.ts";
import { sha256 } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";

/** The tiles' folder, beside the ledger. */
const folderName = "ledger-archive";

/** What the ledger has on record of a tile. */
export type ArchiveRecord = ArchiveTileName & { readonly sha256: Uint8Array };

/** Archive tiles as files beside the ledger. */
export class ArchiveFiles {
  readonly #folder: string;

  constructor(ledgerFile: string) {
    this.#folder = join(dirname(ledgerFile), folderName);
  }

  /** Whole or not at all, and durable before anyone deletes the rows that it was made of. Returns its SHA-256. */
  write(tile: ArchiveTileName, bytes: Uint8Array): Uint8Array {
    if (mkdirSync(this.#folder, { recursive: true, mode: 0o700 })) syncFolder(dirname(this.#folder));
    const path = this.#pathOf(tile);
    const draft = `${path}.new`;
    const file = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
    syncFolder(this.#folder);
    const record = { ...tile, sha256: sha256(bytes) };
    this.read(record);
    return record.sha256;
  }

  /** Throws LEDGER_FAILED, with the tile's name, where the file is missing or is not the one on record. */
  read(record: ArchiveRecord): Uint8Array {
    const path = this.#pathOf(record);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(path);
    } catch (cause) {
      const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
      throw archiveFault(record, isMissing ? "is missing" : `cannot be read: ${(cause as Error).message}`);
    }
    if (sameBytes(sha256(bytes), record.sha256)) return bytes;
    throw archiveFault(record, "was changed: its SHA-256 is not the one on record");
  }

  #pathOf({ kind, number }: ArchiveTileName): string {
    return join(this.#folder, fileName({ kind, number }));
  }
}

const fileName = ({ kind, number }: ArchiveTileName): string => `${kind}-${String(number).padStart(8, "0")}`;

export const archiveFault = (tile: ArchiveTileName, flaw: string): Fault =>
  new Fault(
    "LEDGER_FAILED",
    `archive tile ${folderName}/${fileName(tile)} ${flaw}; put it back from a backup`,
  );

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
