import type { DatabaseSync } from "node:sqlite";
import { closings } from "../../domain/ledger/log-entry.ts";
import { Fault } from "../../foundation/fault.ts";
import { upgradeFromVersion1 } from "./upgrade-from-version-1.ts";

/** How an entry ends an intent; the number is the one in the tables, 0 is an event. */
export const outcomeKinds = ["event", "certificate", ...closings] as const;
export type OutcomeKind = Exclude<(typeof outcomeKinds)[number], "event">;

/**
 * What is recorded: intents and log entries, each only ever added at the end and without any index, so that a commit writes
 * little more than the rows themselves. `body` is the log entry's own bytes (domain/ledger/log-entry.ts). The oldest rows
 * are in archive tiles instead. Times are milliseconds since 1970, hashes and serials are bytes.
 */
const recorded = `
  CREATE TABLE authorities (
    id INTEGER PRIMARY KEY,
    key_id BLOB NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE subjects (
    id INTEGER PRIMARY KEY,
    spiffe_id TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    requester TEXT NOT NULL,
    UNIQUE (spiffe_id, entry_id, requester)
  ) STRICT;
  CREATE TABLE intents (
    id INTEGER PRIMARY KEY,
    authority INTEGER NOT NULL,
    serial BLOB NOT NULL,
    tbs_sha256 BLOB NOT NULL,
    subject INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE entries (
    log_index INTEGER PRIMARY KEY,
    intent INTEGER,
    outcome INTEGER NOT NULL,
    body BLOB
  ) STRICT;
  CREATE INDEX events ON entries (log_index) WHERE outcome = 0;
  CREATE TABLE recorded (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    intents INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    certificates INTEGER NOT NULL,
    not_signed INTEGER NOT NULL,
    self_check_failed INTEGER NOT NULL,
    signed_not_recorded INTEGER NOT NULL
  ) STRICT;
  INSERT INTO recorded VALUES (1, 0, 0, 0, 0, 0, 0);
  CREATE TRIGGER intents_stay BEFORE UPDATE ON intents BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
`;

/**
 * Since version 3: sealed archive tiles (archive-files.ts), and how many entries and intents are in them, always the oldest.
 * From then on the tile is the record; only rows that are in one may be deleted.
 */
const archive = `
  CREATE TABLE archives (
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    certificates INTEGER NOT NULL,
    events INTEGER NOT NULL,
    sealed_at INTEGER NOT NULL,
    PRIMARY KEY (kind, number)
  ) STRICT;
  CREATE TABLE archived (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    entries INTEGER NOT NULL,
    intents INTEGER NOT NULL
  ) STRICT;
  INSERT INTO archived VALUES (1, 0, 0);
  CREATE TRIGGER intents_last BEFORE DELETE ON intents WHEN OLD.id > (SELECT intents FROM archived)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
  CREATE TRIGGER entries_last BEFORE DELETE ON entries WHEN OLD.log_index >= (SELECT entries FROM archived)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
`;

/**
 * What is derived from it about once a second, in larger pieces, up to where `derived` says: where each intent ended,
 * when each 1024 of them were issued and expire, serials by their first bytes, the tree's tiles. All can be made anew.
 */
const derived = `
  CREATE TABLE ends (
    intent INTEGER PRIMARY KEY,
    log_index INTEGER NOT NULL,
    outcome INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE spans (
    number INTEGER PRIMARY KEY,
    earliest INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    expiry INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE serial_buckets (
    id INTEGER PRIMARY KEY,
    serials BLOB NOT NULL
  ) STRICT;
  CREATE TABLE tiles (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, number)
  ) STRICT;
  CREATE TABLE derived (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    intents INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    settled INTEGER NOT NULL
  ) STRICT;
  INSERT INTO derived VALUES (1, 0, 0, 0);
`;

/** One signed note a second at most; older ones are thinned out to one a minute. */
const checkpoints = `
  CREATE TABLE IF NOT EXISTS log_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    verifier TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS checkpoints (
    size INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    note TEXT NOT NULL
  ) STRICT;
`;

const version = 3;

/** Makes the tables in a new ledger, upgrades an older one; throws LEDGER_FAILED for one that a newer program made. */
export function prepareLedger(database: DatabaseSync): void {
  prepareVersion(database);
  database.exec(checkpoints);
}

function prepareVersion(database: DatabaseSync): void {
  const found = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (found.user_version === version) return;
  if (found.user_version > version) {
    const made = `the ledger has format ${found.user_version}`;
    throw new Fault("LEDGER_FAILED", `${made}, this program knows ${version}: run the newer meshmint`);
  }
  database.exec("BEGIN IMMEDIATE");
  try {
    if (found.user_version === 1) upgradeFromVersion1(database, recorded);
    else if (found.user_version === 0) database.exec(recorded);
    else database.exec("DROP TRIGGER intents_last; DROP TRIGGER entries_last");
    if (found.user_version < 2) database.exec(derived);
    database.exec(`${archive} PRAGMA user_version = ${version}; COMMIT`);
  } catch (thrown) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw thrown;
  }
}
