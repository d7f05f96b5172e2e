import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { FoundEntry, LogSearch } from "../../control/ledger/ledger-log.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { archiveTileRows } from "../../domain/ledger/archive-tile.ts";
import { type LogEntry, readLogEntry, unpackSubject } from "../../domain/ledger/log-entry.ts";
import { type ArchiveShelf, entryTileOf } from "./archive-shelf.ts";
import type { EntryRows } from "./entry-rows.ts";

/** Rows, and archive tiles, that one call looks at, so that a search in a large log holds nobody up for long. */
const mostLookedAt = 20_000;
const mostTiles = 5;

export type LogPage = { readonly found: readonly FoundEntry[]; readonly next: number | undefined };

type Page = { readonly found: FoundEntry[]; looked: number; last: number };

/** Looks for entries by reading them; only a serial is found by an index. */
export class LogSearches {
  readonly #shelf: ArchiveShelf;
  readonly #entries: EntryRows;
  readonly #rows: StatementSync;
  readonly #events: StatementSync;

  constructor(database: DatabaseSync, { shelf, rows }: { shelf: ArchiveShelf; rows: EntryRows }) {
    this.#shelf = shelf;
    this.#entries = rows;
    const columns = "SELECT log_index, body FROM entries WHERE log_index >= ?";
    this.#rows = database.prepare(`${columns} ORDER BY log_index LIMIT ${mostLookedAt}`);
    this.#events = database.prepare(`${columns} AND outcome = 0 ORDER BY log_index LIMIT ${mostLookedAt}`);
  }

  /** `only`: the one log index that may fit, where it is known. */
  page(wanted: LogSearch, only: number | undefined): LogPage {
    const page: Page = { found: [], looked: 0, last: wanted.from - 1 };
    if (only !== undefined) {
      take(page, wanted, this.#entries.between(only, only + 1));
      return { found: page.found, next: undefined };
    }
    const archived = this.#shelf.extent().entries;
    if (wanted.from < archived) return this.#archivedPage(page, wanted, archived);
    const rows = isEventSearch(wanted) ? this.#events : this.#rows;
    take(page, wanted, rows.iterate(wanted.from) as Iterable<SearchedRow>);
    const isWhole = page.looked < mostLookedAt && page.found.length < wanted.limit;
    return { found: page.found, next: isWhole ? undefined : page.last + 1 };
  }

  /** Of a few tiles; those without events are passed over where events are wanted. */
  #archivedPage(page: Page, wanted: LogSearch, archived: number): LogPage {
    let next = wanted.from;
    for (let tiles = 0; next < archived && tiles < mostTiles; tiles += 1) {
      let number = entryTileOf(next);
      if (isEventSearch(wanted)) number = this.#shelf.nextWithEvents(number) ?? entryTileOf(archived);
      next = Math.max(next, number * archiveTileRows);
      if (next >= archived) break;
      take(page, wanted, this.#entries.inTile(number, next, archived));
      if (page.found.length === wanted.limit) return { found: page.found, next: page.last + 1 };
      next = (number + 1) * archiveTileRows;
    }
    return { found: page.found, next };
  }
}

type SearchedRow = { readonly log_index: number; readonly body: Uint8Array | null };

/** Adds what fits of these rows, up to the limit. */
function take(page: Page, wanted: LogSearch, rows: Iterable<SearchedRow>): void {
  for (const { log_index: logIndex, body } of rows) {
    page.looked += 1;
    page.last = logIndex;
    if (body === null) continue;
    const entry = readLogEntry(body);
    if (!entry.ok || !fits(entry.value, wanted)) continue;
    page.found.push({ logIndex, kind: kindOf(entry.value), at: new Date(entry.value.at), entry: body });
    if (page.found.length === wanted.limit) break;
  }
}

const isEventSearch = ({ kind }: LogSearch): boolean => kind !== undefined && !outcomeNames.has(kind);

const outcomeNames: ReadonlySet<string> = new Set([
  "certificate",
  "not-signed",
  "self-check-failed",
  "signed-not-recorded",
]);

const kindOf = (entry: LogEntry): string =>
  entry.type === "event" ? entry.kind : entry.type === "closed" ? entry.as : "certificate";

function fits(entry: LogEntry, wanted: LogSearch): boolean {
  const { kind, since, until, spiffeId, entryId, authorityKeyId } = wanted;
  if (kind !== undefined && kindOf(entry) !== kind) return false;
  if (since !== undefined && entry.at < since.getTime()) return false;
  if (until !== undefined && entry.at > until.getTime()) return false;
  if (spiffeId === undefined && entryId === undefined && authorityKeyId === undefined) return true;
  if (entry.type === "event") return false;
  const subject = unpackSubject(entry.subject);
  if (spiffeId !== undefined && subject.spiffeId !== spiffeId) return false;
  if (entryId !== undefined && subject.entryId !== entryId) return false;
  return authorityKeyId === undefined || toHex(entry.authority) === authorityKeyId;
}
