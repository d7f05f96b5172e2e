import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { LogSearch } from "../../control/ledger/ledger-log.ts";
import type { LedgerCounts } from "../../control/ledger/ledger-reader.ts";
import { emptyRoot } from "../../domain/ledger/merkle-hash.ts";
import { ArchiveQueries } from "./archive-queries.ts";
import { ArchiveShelf } from "./archive-shelf.ts";
import { EntryChecks } from "./entry-checks.ts";
import { EntryRows } from "./entry-rows.ts";
import { IntentQueries } from "./intent-queries.ts";
import type { ReaderReply, ReaderRequest } from "./ledger-messages.ts";
import { readCounts } from "./ledger-state.ts";
import { LogQueries } from "./log-queries.ts";
import { type LogPage, LogSearches } from "./log-search.ts";

/** The ledger's reading connection. */
export class LedgerQueries {
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #intents: IntentQueries;
  readonly #checks: EntryChecks;
  readonly #log: LogQueries;
  readonly #searches: LogSearches;
  readonly #shelf: ArchiveShelf;
  readonly #archives: ArchiveQueries;

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    this.#begin = this.#database.prepare("BEGIN");
    this.#shelf = new ArchiveShelf(this.#database, file);
    const rows = new EntryRows(this.#database, this.#shelf);
    this.#intents = new IntentQueries(this.#database, this.#shelf);
    this.#checks = new EntryChecks(this.#database, file);
    this.#log = new LogQueries(this.#database, rows);
    this.#searches = new LogSearches(this.#database, { shelf: this.#shelf, rows });
    this.#archives = new ArchiveQueries(this.#database, this.#shelf);
  }

  /** Every answer is of one moment: what is derived and what is recorded fit together. */
  answer(request: ReaderRequest): ReaderReply {
    this.#begin.run();
    try {
      return this.#answer(request);
    } finally {
      this.#database.exec("COMMIT");
    }
  }

  close(): void {
    this.#database.close();
  }

  #answer(request: ReaderRequest): ReaderReply {
    switch (request.kind) {
      case "counts":
        return { kind: "counts", counts: this.#counts() };
      case "intents":
        return { kind: "intents", rows: this.#intents.page(request.query) };
      case "leaves":
        return { kind: "leaves", ...this.#intents.leaves(request) };
      case "leaf":
        return { kind: "leaf", row: this.#intents.leaf(request.serial) };
      case "check":
        return { kind: "check", check: this.#checks.page(request) };
      case "head":
        return { kind: "head", head: this.#log.head() };
      case "inclusion":
        return { kind: "proof", proof: this.#log.inclusion(request.index, request.size), oldRoot: emptyRoot };
      case "consistency":
        return { kind: "proof", ...this.#log.consistency(request.old, request.size) };
      case "entries":
        return { kind: "entries", entries: this.#log.entries(request.from, request.upTo) };
      case "search":
        return { kind: "search", page: this.#search(request.wanted) };
      case "archive":
        return { kind: "archive", state: this.#archives.state() };
      case "archive-flaws":
        return { kind: "flaws", flaws: this.#archives.flaws() };
      default:
        return request satisfies never;
    }
  }

  #search(wanted: LogSearch): LogPage {
    if (wanted.serial === undefined) return this.#searches.page(wanted, undefined);
    const logIndex = this.#intents.endOf(wanted.serial);
    if (logIndex === undefined || logIndex < wanted.from) return { found: [], next: undefined };
    return this.#searches.page(wanted, logIndex);
  }

  #counts(): LedgerCounts {
    const { intents, entries, outcomes } = readCounts(this.#database);
    const [, certificates = 0, notSigned = 0, selfCheckFailed = 0, signedNotRecorded = 0] = outcomes;
    return {
      intents,
      entries,
      certificates,
      "not-signed": notSigned,
      "self-check-failed": selfCheckFailed,
      "signed-not-recorded": signedNotRecorded,
    };
  }
}
