import type { DatabaseSync } from "node:sqlite";
import { ByteWriter } from "../../domain/ledger/byte-writer.ts";
import { type ClosedAs, type LogEntry, packSubject, writeLogEntry } from "../../domain/ledger/log-entry.ts";
import { Fault } from "../../foundation/fault.ts";

type Row = {
  readonly log_index: number;
  readonly intent: number | null;
  readonly kind: string;
  readonly at: number;
  readonly body: Uint8Array;
  readonly key_id: Uint8Array;
  readonly serial: Uint8Array;
  readonly tbs_sha256: Uint8Array;
  readonly spiffe_id: string;
  readonly entry_id: string;
  readonly requester: string;
};

const codes: Readonly<Record<string, number>> = {
  certificate: 1,
  "not-signed": 2,
  "self-check-failed": 3,
  "signed-not-recorded": 4,
};

/**
 * Version 1 kept certificates and JSON as they are and indexed every row. Rewrites each row in the form of version 2,
 * inside the transaction of its caller: either the whole file is upgraded or nothing has changed.
 */
export function upgradeFromVersion1(database: DatabaseSync, tables: string): void {
  database.exec(`
    DROP TRIGGER intents_stay; DROP TRIGGER intents_last; DROP TRIGGER entries_stay; DROP TRIGGER entries_last;
    DROP INDEX intents_by_expiry;
    ALTER TABLE intents RENAME TO intents_1;
    ALTER TABLE entries RENAME TO entries_1;
    ALTER TABLE authorities RENAME TO authorities_1;
    ${tables}
    INSERT INTO authorities SELECT * FROM authorities_1;
    INSERT INTO subjects (spiffe_id, entry_id, requester)
      SELECT DISTINCT spiffe_id, entry_id, requester FROM intents_1;
    INSERT INTO intents
      SELECT i.id, authority, serial, tbs_sha256, s.id, not_after, at
      FROM intents_1 i JOIN subjects s USING (spiffe_id, entry_id, requester) ORDER BY i.id;`);
  copyEntries(database);
  database.exec(`
    UPDATE recorded SET
      intents = (SELECT count(*) FROM intents),
      entries = (SELECT count(*) FROM entries),
      certificates = (SELECT count(*) FROM entries WHERE outcome = 1),
      not_signed = (SELECT count(*) FROM entries WHERE outcome = 2),
      self_check_failed = (SELECT count(*) FROM entries WHERE outcome = 3),
      signed_not_recorded = (SELECT count(*) FROM entries WHERE outcome = 4);
    DROP TABLE entries_1; DROP TABLE intents_1; DROP TABLE authorities_1; DROP TABLE counters;`);
}

function copyEntries(database: DatabaseSync): void {
  const rows = database.prepare(`
    SELECT e.log_index, e.intent, e.kind, e.at, e.body, a.key_id,
      i.serial, i.tbs_sha256, i.spiffe_id, i.entry_id, i.requester
    FROM entries_1 e LEFT JOIN intents_1 i ON i.id = e.intent LEFT JOIN authorities_1 a ON a.id = i.authority
    ORDER BY e.log_index`);
  const insert = database.prepare("INSERT INTO entries VALUES (?, ?, ?, ?)");
  const bytes = new ByteWriter();
  for (const row of rows.iterate() as Iterable<Row>) {
    bytes.reset();
    writeLogEntry(bytes, entryOf(row));
    insert.run(row.log_index, row.intent, codes[row.kind] ?? 0, bytes.view());
  }
}

function entryOf(row: Row): LogEntry {
  const { at, kind, body } = row;
  if (row.intent === null) {
    const { actor, detail } = jsonOf(row);
    return { type: "event", at, kind, actor: String(actor), detail: JSON.stringify(detail) };
  }
  const packed = new ByteWriter(256);
  packSubject(packed, { spiffeId: row.spiffe_id, entryId: row.entry_id, requester: row.requester });
  const about = { at, authority: row.key_id, subject: packed.view() };
  if (kind === "certificate") return { type: "certificate", ...about, certificate: body };
  const { serial, tbs_sha256: tbsSha256 } = row;
  const reason = String(jsonOf(row).reason);
  return { type: "closed", ...about, serial, tbsSha256, as: kind as ClosedAs, reason };
}

function jsonOf({ log_index, body }: Row): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch (cause) {
    const where = `log entry ${log_index} of the old ledger`;
    throw new Fault("LEDGER_FAILED", `${where} is no JSON: it was changed`, { cause });
  }
}
