import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { FoundEntry, LogSearch } from "../../control/ledger/ledger-log.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { type LogEntry, readLogEntry, unpackSubject } from "../../domain/ledger/log-entry.ts";

/** Entries that one call looks at, so that a search in a large log holds nobody up for long. */
const mostLookedAt = 20_000;

export type LogPage = { readonly found: readonly FoundEntry[]; readonly next: number | undefined };

/** Looks for entries by reading them; only a serial is found by an index. */
export class LogSearches {
  readonly #rows: StatementSync;
  readonly #events: StatementSync;

  constructor(database: DatabaseSync) {
    const columns = "SELECT log_index, body FROM entries WHERE log_index >= ?";
    this.#rows = database.prepare(`${columns} ORDER BY log_index LIMIT ${mostLookedAt}`);
    this.#events = database.prepare(`${columns} AND outcome = 0 ORDER BY log_index LIMIT ${mostLookedAt}`);
  }

  /** `only`: the one log index that may fit, where it is known. */
  page(wanted: LogSearch, only: number | undefined): LogPage {
    const found: FoundEntry[] = [];
    let looked = 0;
    let last = wanted.from - 1;
    for (const row of this.#candidates(wanted, only)) {
      looked += 1;
      last = Number(row.log_index);
      if (only !== undefined && last !== only) break;
      const body = row.body as Uint8Array;
      const entry = readLogEntry(body);
      if (!entry.ok || !fits(entry.value, wanted)) continue;
      found.push({ logIndex: last, kind: kindOf(entry.value), at: new Date(entry.value.at), entry: body });
      if (found.length === wanted.limit) break;
    }
    const isWhole = only !== undefined || (looked < mostLookedAt && found.length < wanted.limit);
    return { found, next: isWhole ? undefined : last + 1 };
  }

  #candidates({ kind, from }: LogSearch, only: number | undefined) {
    if (only !== undefined) return this.#rows.iterate(only);
    const isEvent = kind !== undefined && !outcomeNames.has(kind);
    return (isEvent ? this.#events : this.#rows).iterate(from);
  }
}

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
