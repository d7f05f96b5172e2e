import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { MessagePort } from "node:worker_threads";
import type {
  EntryCheck,
  IntentQuery,
  LeafCursor,
  LedgerCounts,
  LedgerMark,
} from "../../control/ledger/ledger-reader.ts";
import { readDer } from "../../domain/certificate/der-reader.ts";
import { tag } from "../../domain/certificate/der-tag.ts";
import { fromHex, sameBytes } from "../../domain/certificate/hex.ts";
import { sha256 } from "../../foundation/digest.ts";
import { closingMessage, openingId, type ThreadCall } from "../store/thread-calls.ts";
import { toThreadError } from "../store/thread-faults.ts";
import type { IntentRow, LeafRow, ReaderReply, ReaderRequest } from "./ledger-messages.ts";

const pageRows = 2000;
const largestCertificate = 1 << 16;

const leafColumns = "i.id, i.serial, a.key_id, i.spiffe_id, i.entry_id, i.requester, i.at, i.not_after";
const issued =
  "JOIN entries e ON e.intent = i.id AND e.kind = 'certificate' JOIN authorities a ON a.id = i.authority";

/** Answers questions about the ledger on a read-only connection: a long one never holds up a commit. */
export function serveLedgerReads(port: MessagePort, file: string): void {
  let ledger: LedgerQueries;
  try {
    ledger = new LedgerQueries(file);
  } catch (thrown) {
    port.postMessage([{ id: openingId, error: { ...toThreadError(thrown), code: "LEDGER_FAILED" } }]);
    return;
  }
  port.on("message", (message: ThreadCall<ReaderRequest> | typeof closingMessage) => {
    if (message === closingMessage) {
      ledger.close();
      port.close();
      return;
    }
    try {
      port.postMessage([{ id: message.id, reply: ledger.answer(message.request) }]);
    } catch (thrown) {
      port.postMessage([{ id: message.id, error: { ...toThreadError(thrown), code: "LEDGER_FAILED" } }]);
    }
  });
  port.postMessage([{ id: openingId, reply: undefined }]);
}

class LedgerQueries {
  readonly #database: DatabaseSync;
  readonly #counters: StatementSync;
  readonly #intents: StatementSync;
  readonly #leaves: StatementSync;
  readonly #leaf: StatementSync;
  readonly #entries: StatementSync;

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
    this.#counters = this.#database.prepare("SELECT kind, count FROM counters");
    this.#intents = this.#database.prepare(`
      SELECT i.id, i.serial, a.key_id, i.tbs_sha256, i.at, coalesce(e.kind, 'open') AS outcome
      FROM intents i JOIN authorities a ON a.id = i.authority
      LEFT JOIN entries e ON e.intent = i.id AND e.log_index < :entries
      WHERE i.id > :after AND i.id <= :intents AND (e.kind IS NULL OR NOT :openOnly)
      ORDER BY i.id LIMIT ${pageRows}`);
    this.#leaves = this.#database.prepare(`
      SELECT ${leafColumns} FROM intents i ${issued}
      WHERE i.authority = (SELECT id FROM authorities WHERE key_id = :key)
        AND (i.not_after, i.id) > (:notAfter, :intent)
      ORDER BY i.not_after, i.id LIMIT ${pageRows}`);
    this.#leaf = this.#database.prepare(`
      SELECT ${leafColumns} FROM intents i ${issued}
      WHERE i.authority IN (SELECT id FROM authorities) AND i.serial = ?`);
    this.#entries = this.#database.prepare(`
      SELECT e.log_index, e.kind, i.tbs_sha256, CASE WHEN e.kind = 'certificate' THEN e.body END AS certificate
      FROM entries e LEFT JOIN intents i ON i.id = e.intent
      WHERE e.log_index >= ? AND e.log_index < ? ORDER BY e.log_index LIMIT ${pageRows}`);
  }

  answer(request: ReaderRequest): ReaderReply {
    switch (request.kind) {
      case "counts":
        return { kind: "counts", counts: this.#countsNow() };
      case "intents":
        return { kind: "intents", rows: this.#intentPage(request.query) };
      case "leaves":
        return { kind: "leaves", rows: this.#leafPage(request.authorityKeyId, request.from) };
      case "leaf":
        return { kind: "leaves", rows: this.#leaf.all(hexBytes(request.serial)) as unknown as LeafRow[] };
      case "check":
        return { kind: "check", check: this.#check(request.from, request.upTo) };
      default:
        return request satisfies never;
    }
  }

  close(): void {
    this.#database.close();
  }

  #countsNow(): LedgerCounts {
    const count = new Map(this.#counters.all().map((row) => [row.kind, Number(row.count)]));
    const of = (kind: string) => count.get(kind) ?? 0;
    return {
      intents: of("intents"),
      entries: of("entries"),
      certificates: of("certificate"),
      "not-signed": of("not-signed"),
      "self-check-failed": of("self-check-failed"),
      "signed-not-recorded": of("signed-not-recorded"),
    };
  }

  #intentPage({ after, upTo, openOnly }: IntentQuery): IntentRow[] {
    const range = { after, intents: upTo.intents, entries: upTo.entries, openOnly: openOnly ? 1 : 0 };
    return this.#intents.all(range) as unknown as IntentRow[];
  }

  #leafPage(authorityKeyId: string, from: LeafCursor): LeafRow[] {
    const range = { key: hexBytes(authorityKeyId), notAfter: from.notAfterMs, intent: from.intent };
    return this.#leaves.all(range) as unknown as LeafRow[];
  }

  #check(from: number, upTo: LedgerMark): EntryCheck {
    const flaws: string[] = [];
    let next = from;
    let certificates = 0;
    for (const row of this.#entries.all(from, upTo.entries)) {
      if (row.log_index !== next)
        flaws.push(`log entries ${next} to ${Number(row.log_index) - 1} are missing`);
      next = Number(row.log_index) + 1;
      if (!(row.certificate instanceof Uint8Array)) continue;
      certificates += 1;
      const flaw = tbsFlaw(row.certificate, row.tbs_sha256 as Uint8Array);
      if (flaw) flaws.push(`log entry ${row.log_index}: ${flaw}`);
    }
    if (next === from && from < upTo.entries) {
      flaws.push(`log entries ${from} to ${upTo.entries - 1} are missing`);
      next = upTo.entries;
    }
    return { next, certificates, flaws };
  }
}

/** The certificate must hold exactly the TBS whose hash its intent announced before the signature. */
function tbsFlaw(certificate: Uint8Array, announced: Uint8Array): string | undefined {
  const tbs = readDer(certificate, largestCertificate, (reader) => {
    const fields = reader.enter(tag.sequence, "the certificate");
    const whole = fields.whole(tag.sequence, "the TBSCertificate");
    fields.whole(tag.sequence, "the signature algorithm");
    fields.whole(tag.bitString, "the signature");
    return whole;
  });
  if (!tbs.ok) return `no certificate: ${tbs.error}`;
  return sameBytes(sha256(tbs.value), announced)
    ? undefined
    : "its certificate is not the one that was announced";
}

const hexBytes = (hex: string): Uint8Array => fromHex(hex) ?? new Uint8Array();
