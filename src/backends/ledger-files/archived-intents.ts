import type { DatabaseSync, StatementSync } from "node:sqlite";
import { type ArchivedIntent, archiveTileRows } from "../../domain/ledger/archive-tile.ts";
import { type ArchiveShelf, intentTileOf } from "./archive-shelf.ts";
import type { EndColumns } from "./intent-ends.ts";
import type { IntentRow, LeafRow } from "./ledger-messages.ts";

export type FoundIntent = Omit<IntentRow, "outcome"> & EndColumns;
export type FoundLeaf = LeafRow & EndColumns;

/** Intents of archive tiles in the form that the queries on rows have. */
export class ArchivedIntents {
  readonly #shelf: ArchiveShelf;
  readonly #authority: StatementSync;
  readonly #subject: StatementSync;
  readonly #keyIds = new Map<number, Uint8Array>();

  constructor(database: DatabaseSync, shelf: ArchiveShelf) {
    this.#shelf = shelf;
    this.#authority = database.prepare("SELECT key_id FROM authorities WHERE id = ?");
    this.#subject = database.prepare("SELECT spiffe_id, entry_id, requester FROM subjects WHERE id = ?");
  }

  /** Intents up to this one are archived. */
  get upTo(): number {
    return this.#shelf.extent().intents;
  }

  /** Those after `after` and up to `upTo` that are in one tile. */
  page(after: number, upTo: number): FoundIntent[] {
    return this.#after(after, upTo).map(({ id, intent }) => ({
      id,
      serial: intent.serial,
      key_id: this.#keyId(intent.authority),
      tbs_sha256: intent.tbsSha256,
      at: intent.at,
      log_index: intent.logIndex,
      outcome: intent.outcome,
    }));
  }

  /** Of those in one tile, the leaves under an authority that expire at `notBefore` or later. */
  leaves(range: { after: number; upTo: number }, notBefore: number, key: Uint8Array): FoundLeaf[] {
    return this.#after(range.after, range.upTo)
      .filter(({ intent }) => intent.notAfter >= notBefore)
      .filter(({ intent }) => Buffer.compare(this.#keyId(intent.authority), key) === 0)
      .map(({ id, intent }) => this.#leafOf(id, intent));
  }

  /** The archived intent of this id if it has this serial. */
  leaf(id: number, serial: Uint8Array): FoundLeaf | undefined {
    const intent = this.#shelf.intent(id);
    if (!intent || Buffer.compare(intent.serial, serial) !== 0) return undefined;
    return this.#leafOf(id, intent);
  }

  #after(after: number, upTo: number): { id: number; intent: ArchivedIntent }[] {
    const number = intentTileOf(after + 1);
    const first = number * archiveTileRows + 1;
    const last = Math.min(upTo, this.upTo, first + archiveTileRows - 1);
    return this.#shelf
      .intents(number)
      .map((intent, place) => ({ id: first + place, intent }))
      .slice(after + 1 - first, last + 1 - first);
  }

  #leafOf(id: number, { authority, serial, subject, at, notAfter, logIndex, outcome }: ArchivedIntent) {
    const texts = this.#subject.get(subject);
    return {
      id,
      serial,
      key_id: this.#keyId(authority),
      spiffe_id: String(texts?.spiffe_id),
      entry_id: String(texts?.entry_id),
      requester: String(texts?.requester),
      at,
      not_after: notAfter,
      log_index: logIndex,
      outcome,
    };
  }

  #keyId(authority: number): Uint8Array {
    const known = this.#keyIds.get(authority);
    if (known) return known;
    const found = this.#authority.get(authority)?.key_id;
    const keyId = found instanceof Uint8Array ? found : new Uint8Array();
    this.#keyIds.set(authority, keyId);
    return keyId;
  }
}
