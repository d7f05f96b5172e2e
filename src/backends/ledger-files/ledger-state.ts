import type { DatabaseSync } from "node:sqlite";
import { ByteWriter } from "../../domain/ledger/byte-writer.ts";
import { packSubject } from "../../domain/ledger/log-entry.ts";
import { Authorities } from "./authorities.ts";
import { outcomeKinds } from "./ledger-tables.ts";
import { OpenIntents } from "./open-intents.ts";
import { RecentSerials } from "./recent-serials.ts";
import { SerialBlocks } from "./serial-blocks.ts";

export type RecordedCounts = {
  intents: number;
  entries: number;
  /** In the order of `outcomeKinds`. */
  outcomes: number[];
};

/** What the writer thread knows of the ledger, read once when it is opened. */
export type LedgerState = {
  counts: RecordedCounts;
  readonly open: OpenIntents;
  readonly recent: RecentSerials;
  readonly serials: SerialBlocks;
  readonly authorities: Authorities;
};

export function readLedgerState(database: DatabaseSync): LedgerState {
  const counts = readCounts(database);
  const serials = new SerialBlocks(database);
  const recent = new RecentSerials(database);
  const rows = database.prepare("SELECT serial FROM intents WHERE id > ? ORDER BY id");
  for (const { serial } of rows.iterate(serials.saved) as Iterable<SerialRow>) {
    serials.add(serial);
    recent.add(serial);
  }
  return { counts, open: readOpen(database), recent, serials, authorities: new Authorities(database) };
}

type SerialRow = { readonly serial: Uint8Array };

export function readCounts(database: DatabaseSync): RecordedCounts {
  const row = database.prepare("SELECT * FROM recorded").get();
  const of = (column: string) => Number(row?.[column]);
  const ended = outcomeKinds
    .slice(1)
    .map((kind) => of(kind === "certificate" ? "certificates" : kind.replaceAll("-", "_")));
  return { intents: of("intents"), entries: of("entries"), outcomes: [0, ...ended] };
}

type OpenRow = {
  readonly id: number;
  readonly authority: number;
  readonly serial: Uint8Array;
  readonly tbs_sha256: Uint8Array;
  readonly spiffe_id: string;
  readonly entry_id: string;
  readonly requester: string;
};

function readOpen(database: DatabaseSync): OpenIntents {
  const rows = database.prepare(`
    SELECT i.id, i.authority, i.serial, i.tbs_sha256, s.spiffe_id, s.entry_id, s.requester
    FROM intents i JOIN subjects s ON s.id = i.subject
    WHERE i.id > (SELECT settled FROM derived)
      AND i.id NOT IN (SELECT intent FROM ends WHERE intent > (SELECT settled FROM derived))
      AND i.id NOT IN (SELECT intent FROM entries
        WHERE log_index >= (SELECT entries FROM derived) AND intent IS NOT NULL)
    ORDER BY i.id`);
  const open = new OpenIntents();
  for (const row of rows.iterate() as Iterable<OpenRow>) {
    const subject = new ByteWriter(256);
    packSubject(subject, { spiffeId: row.spiffe_id, entryId: row.entry_id, requester: row.requester });
    const { id, authority, serial, tbs_sha256: tbsSha256 } = row;
    open.add({ id, authority, serial, tbsSha256, subject: subject.view() });
  }
  return open;
}
