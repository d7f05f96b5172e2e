import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EntryCheck } from "../../control/ledger/ledger-reader.ts";
import { readDer } from "../../domain/certificate/der-reader.ts";
import { tag } from "../../domain/certificate/der-tag.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import { readLogEntry } from "../../domain/ledger/log-entry.ts";
import { leafHash } from "../../domain/ledger/merkle-hash.ts";
import { sha256 } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";
import type { ReaderRequest } from "./ledger-messages.ts";
import { outcomeKinds } from "./ledger-tables.ts";
import { TreeCheck } from "./tree-check.ts";

const pageRows = 2000;
const largestCertificate = 1 << 16;

type CheckRequest = Extract<ReaderRequest, { kind: "check" }>;
type EntryRow = {
  readonly log_index: number;
  readonly outcome: number;
  readonly body: Uint8Array | null;
  readonly tbs_sha256: Uint8Array | null;
};

/** Holds log entries against the intents that they end. */
export class EntryChecks {
  readonly #database: DatabaseSync;
  readonly #entries: StatementSync;
  readonly #repeated: StatementSync;
  readonly #passes = new Map<number, TreeCheck>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#entries = database.prepare(`
      SELECT e.log_index, e.outcome, e.body, i.tbs_sha256
      FROM entries e LEFT JOIN intents i ON i.id = e.intent
      WHERE e.log_index >= ? AND e.log_index < ? ORDER BY e.log_index LIMIT ${pageRows}`);
    this.#repeated = database.prepare(`
      SELECT lower(hex(serial)) AS serial, count(*) AS times FROM intents WHERE id <= ?
      GROUP BY authority, serial HAVING count(*) > 1 LIMIT 100`);
  }

  /** A page of a pass, which begins at entry 0. Throws LEDGER_FAILED for one that nobody has begun. */
  page({ pass, from, upTo }: CheckRequest): EntryCheck {
    const tree = this.#takePass(pass, from);
    const flaws: string[] = [];
    let next = from;
    let certificates = 0;
    for (const row of this.#entries.iterate(from, upTo.entries) as Iterable<EntryRow>) {
      if (row.log_index !== next) flaws.push(`log entries ${next} to ${row.log_index - 1} are missing`);
      next = row.log_index + 1;
      if (outcomeKinds[row.outcome] === "certificate") certificates += 1;
      const flaw = flawOf(row);
      if (flaw) flaws.push(`log entry ${row.log_index}: ${flaw}`);
      flaws.push(...tree.add(leafHash(row.body ?? new Uint8Array())));
    }
    if (next === from && from < upTo.entries) {
      flaws.push(`log entries ${from} to ${upTo.entries - 1} are missing`);
      next = upTo.entries;
    }
    flaws.push(...tree.compareTiles());
    if (next < upTo.entries) this.#passes.set(pass, tree);
    else flaws.push(...this.#repeatedSerials(upTo.intents));
    return { next, certificates, flaws };
  }

  /** Over all intents at once: what is compared as they are recorded are the latest only (recent-serials.ts). */
  #repeatedSerials(upTo: number): string[] {
    const rows = this.#repeated.all(upTo) as { serial: string; times: number }[];
    return rows.map(({ serial, times }) => `serial ${serial} was announced ${times} times by one authority`);
  }

  #takePass(pass: number, from: number): TreeCheck {
    if (from === 0) return new TreeCheck(this.#database);
    const tree = this.#passes.get(pass);
    this.#passes.delete(pass);
    if (!tree) throw new Fault("LEDGER_FAILED", "this verification is not under way: begin it again");
    return tree;
  }
}

function flawOf({ outcome, body, tbs_sha256 }: EntryRow): string | undefined {
  if (body === null) return "its bytes are missing";
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
