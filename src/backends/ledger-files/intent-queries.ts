import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { IntentQuery, LeafCursor } from "../../control/ledger/ledger-reader.ts";
import { fromHex } from "../../domain/certificate/hex.ts";
import type { ArchiveShelf } from "./archive-shelf.ts";
import { ArchivedIntents, type FoundIntent, type FoundLeaf } from "./archived-intents.ts";
import { spanIntents } from "./derivation.ts";
import { IntentEnds } from "./intent-ends.ts";
import type { IntentRow, LeafRow, ReaderRequest } from "./ledger-messages.ts";
import { RecentIntents } from "./recent-intents.ts";
import { SerialSearch } from "./serial-blocks.ts";

const pageRows = 2000;

type LeafRange = Extract<ReaderRequest, { kind: "leaves" }>;

const leafRows = `
  SELECT i.id, i.serial, a.key_id, s.spiffe_id, s.entry_id, s.requester, i.at, i.not_after, x.log_index, x.outcome
  FROM intents i JOIN authorities a ON a.id = i.authority JOIN subjects s ON s.id = i.subject
  LEFT JOIN ends x ON x.intent = i.id`;

/** Questions about intents and what became of them. */
export class IntentQueries {
  readonly #page: StatementSync;
  readonly #leaves: StatementSync;
  readonly #leaf: StatementSync;
  readonly #spans: StatementSync;
  readonly #intents: StatementSync;
  readonly #ends: IntentEnds;
  readonly #serials: SerialSearch;
  readonly #recent: RecentIntents;
  readonly #archived: ArchivedIntents;

  constructor(database: DatabaseSync, shelf: ArchiveShelf) {
    this.#archived = new ArchivedIntents(database, shelf);
    this.#page = database.prepare(`
      SELECT i.id, i.serial, a.key_id, i.tbs_sha256, i.at, x.log_index, x.outcome
      FROM intents i JOIN authorities a ON a.id = i.authority LEFT JOIN ends x ON x.intent = i.id
      WHERE i.id > :after AND i.id <= :intents
        AND (x.intent IS NULL OR NOT :openOnly OR x.log_index >= :entries)
      ORDER BY i.id LIMIT ${pageRows}`);
    this.#leaves = database.prepare(`
      ${leafRows} WHERE i.id > :after AND i.id <= :upTo AND i.not_after >= :notBefore AND a.key_id = :key
      ORDER BY i.id`);
    this.#leaf = database.prepare(`${leafRows} WHERE i.id = ? AND i.serial = ?`);
    this.#spans = database.prepare(`
      SELECT number FROM spans WHERE expiry >= ? AND number >= ? ORDER BY number`);
    this.#intents = database.prepare(
      "SELECT recorded.intents AS all_, derived.intents AS derived FROM recorded, derived",
    );
    this.#ends = new IntentEnds(database);
    this.#serials = new SerialSearch(database);
    this.#recent = new RecentIntents(database);
  }

  /** A page of intents in the order of their ids; empty only at the end. */
  page({ after, upTo, openOnly }: IntentQuery): IntentRow[] {
    for (let from = after; ; ) {
      const found = this.#found({ after: from, upTo, openOnly });
      const ends = this.#ends.of(found);
      const rows = found.map(({ id, serial, key_id, tbs_sha256, at }, position): IntentRow => {
        const end = ends[position];
        const hadEnded = end !== undefined && end.logIndex < upTo.entries;
        return { id, serial, key_id, tbs_sha256, at, outcome: hadEnded ? end.outcome : "open" };
      });
      const wanted = openOnly ? rows.filter(({ outcome }) => outcome === "open") : rows;
      const last = found.at(-1);
      if (wanted.length > 0 || last === undefined) return wanted;
      from = last.id;
    }
  }

  #found({ after, upTo, openOnly }: IntentQuery): FoundIntent[] {
    const archived = Math.min(this.#archived.upTo, upTo.intents);
    if (after < archived && !openOnly) return this.#archived.page(after, archived);
    // None that is archived is open.
    const { intents, entries } = upTo;
    const range = { after: Math.max(after, archived), intents, entries, openOnly: Number(openOnly) };
    return this.#page.all(range) as unknown as FoundIntent[];
  }

  /** A page of an authority's certificates that expire at `notBefore` or later, in the order of issuance. */
  leaves({ authorityKeyId, notBefore, from }: LeafRange): { rows: LeafRow[]; next: LeafCursor | undefined } {
    const rows: LeafRow[] = [];
    const key = fromHex(authorityKeyId) ?? new Uint8Array();
    const archived = this.#archived.upTo;
    for (const range of this.#ranges(notBefore, from.intent)) {
      const isArchived = range.after < archived; // as a whole: tiles hold whole spans
      const found = isArchived
        ? this.#archived.leaves(range, notBefore, key)
        : (this.#leaves.all({ ...range, notBefore, key }) as unknown as FoundLeaf[]);
      rows.push(...this.#issued(found));
      if (rows.length >= pageRows) break;
    }
    const last = rows.at(-1);
    return { rows, next: last && { intent: last.id } };
  }

  /** The certificate with this serial, under whichever authority. */
  leaf(serialHex: string): LeafRow | undefined {
    return this.#issued(this.#bySerial(serialHex))[0];
  }

  /** The log entry that ended the intent with this serial. */
  endOf(serialHex: string): number | undefined {
    const found = this.#bySerial(serialHex);
    return this.#ends.of(found).find((end) => end !== undefined)?.logIndex;
  }

  #bySerial(serialHex: string): FoundLeaf[] {
    const serial = fromHex(serialHex);
    if (!serial || serial.length === 0) return [];
    const ids = [
      ...this.#serials.candidates(serial),
      ...this.#recent.candidates(serial, this.#serials.covered()),
    ];
    const archived = this.#archived.upTo;
    return ids.flatMap((id) =>
      id <= archived
        ? (this.#archived.leaf(id, serial) ?? [])
        : (this.#leaf.all(id, serial) as unknown as FoundLeaf[]),
    );
  }

  /** Intents after `from` that may expire late enough: spans that say so, and those without a span yet. */
  *#ranges(notBefore: number, from: number): Generator<{ after: number; upTo: number }> {
    const { all_, derived } = this.#intents.get() as { all_: number; derived: number };
    for (const { number } of this.#spans.all(notBefore, Math.floor(from / spanIntents))) {
      const start = Number(number) * spanIntents;
      yield { after: Math.max(from, start), upTo: Math.min(start + spanIntents, derived) };
    }
    if (derived < all_) yield { after: Math.max(from, derived), upTo: all_ };
  }

  #issued(found: readonly FoundLeaf[]): LeafRow[] {
    const ends = this.#ends.of(found);
    return found
      .filter((_, position) => ends[position]?.outcome === "certificate")
      .map(({ log_index: _index, outcome: _outcome, ...row }) => row);
  }
}
