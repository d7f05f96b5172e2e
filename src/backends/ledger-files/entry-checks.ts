import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EntryCheck, LedgerMark } from "../../control/ledger/ledger-reader.ts";
import { readDer } from "../../domain/certificate/der-reader.ts";
import { tag } from "../../domain/certificate/der-tag.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import { readLogEntry } from "../../domain/ledger/log-entry.ts";
import { sha256 } from "../../foundation/digest.ts";
import { outcomeKinds } from "./ledger-tables.ts";

const pageRows = 2000;
const largestCertificate = 1 << 16;

type EntryRow = {
  readonly log_index: number;
  readonly outcome: number;
  readonly body: Uint8Array;
  readonly tbs_sha256: Uint8Array | null;
};

/** Holds log entries against the intents that they end. */
export class EntryChecks {
  readonly #entries: StatementSync;

  constructor(database: DatabaseSync) {
    this.#entries = database.prepare(`
      SELECT e.log_index, e.outcome, e.body, i.tbs_sha256
      FROM entries e LEFT JOIN intents i ON i.id = e.intent
      WHERE e.log_index >= ? AND e.log_index < ? ORDER BY e.log_index LIMIT ${pageRows}`);
  }

  page(from: number, upTo: LedgerMark): EntryCheck {
    const flaws: string[] = [];
    let next = from;
    let certificates = 0;
    for (const row of this.#entries.iterate(from, upTo.entries) as Iterable<EntryRow>) {
      if (row.log_index !== next) flaws.push(`log entries ${next} to ${row.log_index - 1} are missing`);
      next = row.log_index + 1;
      if (outcomeKinds[row.outcome] === "certificate") certificates += 1;
      const flaw = flawOf(row);
      if (flaw) flaws.push(`log entry ${row.log_index}: ${flaw}`);
    }
    if (next === from && from < upTo.entries) {
      flaws.push(`log entries ${from} to ${upTo.entries - 1} are missing`);
      next = upTo.entries;
    }
    return { next, certificates, flaws };
  }
}

function flawOf({ outcome, body, tbs_sha256 }: EntryRow): string | undefined {
  const entry = readLogEntry(body);
  if (!entry.ok) return entry.error;
  const { value } = entry;
  const kind = value.type === "closed" ? value.as : value.type;
  if (kind !== outcomeKinds[outcome]) return `its row says ${outcomeKinds[outcome]}, but it is ${kind}`;
  if (value.type === "event") return undefined;
  if (tbs_sha256 === null) return "it ends an intent that is not there";
  const tbs = value.type === "certificate" ? tbsHash(value.certificate) : value.tbsSha256;
  if (tbs === undefined) return "it holds no certificate";
  return sameBytes(tbs, tbs_sha256) ? undefined : "its certificate is not the one that was announced";
}

/** Of exactly the TBS that the certificate holds; undefined where it is none. */
function tbsHash(certificate: Uint8Array): Uint8Array | undefined {
  const tbs = readDer(certificate, largestCertificate, (reader) => {
    const fields = reader.enter(tag.sequence, "the certificate");
    const whole = fields.whole(tag.sequence, "the TBSCertificate");
    fields.whole(tag.sequence, "the signature algorithm");
    fields.whole(tag.bitString, "the signature");
    return whole;
  });
  return tbs.ok ? sha256(tbs.value) : undefined;
}
