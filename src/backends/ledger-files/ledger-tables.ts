import type { DatabaseSync } from "node:sqlite";
import { Fault } from "../../foundation/fault.ts";

/** The kinds of log entries that close an intent; every other kind is an event. */
export const outcomeKinds = [
  "certificate",
  "not-signed",
  "self-check-failed",
  "signed-not-recorded",
] as const;
export type OutcomeKind = (typeof outcomeKinds)[number];

const outcomes = outcomeKinds.map((kind) => `'${kind}'`).join(", ");

/**
 * Version 1. Rows are only ever added: an intent is never updated, its outcome is the log entry that names it, and
 * the UNIQUE on that name is what makes it end exactly once. The random serials cost one index; all else is appended.
 * Times are milliseconds since 1970, hashes and serials are bytes.
 */
const tables = `
  CREATE TABLE authorities (
    id INTEGER PRIMARY KEY,
    key_id BLOB NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE intents (
    id INTEGER PRIMARY KEY,
    authority INTEGER NOT NULL REFERENCES authorities (id),
    serial BLOB NOT NULL,
    tbs_sha256 BLOB NOT NULL CHECK (length(tbs_sha256) = 32),
    spiffe_id TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    requester TEXT NOT NULL,
    not_after INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (authority, serial)
  ) STRICT;
  CREATE INDEX intents_by_expiry ON intents (authority, not_after);
  CREATE TABLE entries (
    log_index INTEGER PRIMARY KEY,
    intent INTEGER UNIQUE REFERENCES intents (id),
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    CHECK ((intent IS NOT NULL) = (kind IN (${outcomes})))
  ) STRICT;
  CREATE TABLE counters (
    kind TEXT PRIMARY KEY,
    count INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO counters (kind, count) VALUES ('intents', 0), ('entries', 0), ${outcomeKinds.map((kind) => `('${kind}', 0)`).join(", ")};
  CREATE TRIGGER intents_stay BEFORE UPDATE ON intents BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TRIGGER intents_last BEFORE DELETE ON intents BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
`;

const version = 1;

/** Makes the tables in a new ledger; throws LEDGER_FAILED for one that a newer program made. */
export function prepareLedger(database: DatabaseSync): void {
  const found = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (found.user_version === version) return;
  if (found.user_version !== 0) {
    const made = `the ledger has format ${found.user_version}`;
    throw new Fault("LEDGER_FAILED", `${made}, this program knows ${version}: run the newer meshmint`);
  }
  database.exec(`BEGIN IMMEDIATE; ${tables} PRAGMA user_version = ${version}; COMMIT`);
}
