import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LedgerLog, LogHead } from "../../control/ledger/ledger-log.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import { ByteWriter } from "../../domain/ledger/byte-writer.ts";
import { hashSize, leafHash } from "../../domain/ledger/merkle-hash.ts";
import { type TileName, tilePath } from "../../domain/ledger/tile-path.ts";
import { TileTree, tileWidth } from "../../domain/ledger/tile-tree.ts";
import { Fault } from "../../foundation/fault.ts";

export type ExportOptions = {
  readonly folder: string;
  /** Entries written so far, and how many there are. */
  onProgress(done: number, size: number): void;
};

/**
 * Writes the log as C2SP tlog-tiles lays it out (entry bundles, tiles, checkpoint) and the verifier key beside it. The
 * tiles are computed from the entries: rejects with LEDGER_FAILED when they do not lead to the checkpoint's root.
 */
export async function exportLog(
  log: LedgerLog,
  { folder, onProgress }: ExportOptions,
  signal: AbortSignal,
): Promise<LogHead> {
  const head = await log.head(signal);
  if (head.note === "") throw new Fault("NOT_FOUND", "the ledger has no checkpoint yet: it has no entry");
  const writer = new LogFolder(folder);
  for (let from = 0; from < head.size; ) {
    const page = await log.entries({ from, upTo: head.size }, signal);
    for (const entry of page) await writer.add(entry);
    from += page.length;
    onProgress(from, head.size);
  }
  await writer.finish();
  if (!sameBytes(writer.tree.root(), head.root)) {
    throw new Fault(
      "LEDGER_FAILED",
      "the entries do not lead to the checkpoint's root: run `meshmint ledger verify`",
    );
  }
  await writeFile(join(folder, "ledger.vkey"), `${head.verifierKey}\n`);
  await writeFile(join(folder, "checkpoint"), head.note);
  return head;
}

class LogFolder {
  readonly tree = new TileTree();
  readonly #folder: string;
  readonly #bundle = new ByteWriter(1 << 18);
  readonly #made = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(entry: Uint8Array): Promise<void> {
    this.#bundle.bytes16(entry);
    this.tree.append(leafHash(entry));
    if (this.tree.size % tileWidth !== 0) return;
    await this.#writeBundle(tileWidth);
    const full = this.tree.unsaved().filter(({ hashes }) => hashes.length === tileWidth * hashSize);
    for (const { hashes, ...at } of full) await this.#write({ ...at, width: tileWidth }, hashes);
    this.tree.saved();
  }

  /** The partial tiles at the right edge. */
  async finish(): Promise<void> {
    const rest = this.tree.size % tileWidth;
    if (rest > 0) await this.#writeBundle(rest);
    for (const { hashes, level, number } of this.tree.edge()) {
      await this.#write({ level, number, width: hashes.length / hashSize }, hashes);
    }
  }

  async #writeBundle(width: number): Promise<void> {
    const number = Math.ceil(this.tree.size / tileWidth) - 1;
    await this.#write({ level: "entries", number, width }, this.#bundle.view());
    this.#bundle.reset();
  }

  async #write(name: TileName, bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, tilePath(name));
    if (!this.#made.has(dirname(path))) await mkdir(dirname(path), { recursive: true });
    this.#made.add(dirname(path));
    await writeFile(path, bytes);
  }
}
