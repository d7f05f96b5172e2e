import type {
  EntryCheck,
  IntentQuery,
  LeafCursor,
  LeafQuery,
  LedgerCounts,
  LedgerMark,
  LedgerReader,
  RecordedIntent,
  RecordedLeaf,
} from "../../control/ledger/ledger-reader.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { Fault } from "../../foundation/fault.ts";
import type { ThreadCalls } from "../store/thread-calls.ts";
import type { IntentRow, LeafRow, ReaderReply, ReaderRequest } from "./ledger-messages.ts";

/** Questions to the ledger's reader thread. */
export class ThreadLedgerReader implements LedgerReader {
  readonly #calls: ThreadCalls<ReaderRequest, ReaderReply>;

  constructor(deps: { calls: ThreadCalls<ReaderRequest, ReaderReply> }) {
    this.#calls = deps.calls;
  }

  async counts(signal: AbortSignal): Promise<LedgerCounts> {
    const reply = await this.#ask({ kind: "counts" }, signal);
    return reply.kind === "counts" ? reply.counts : wrongReply();
  }

  async intents(query: IntentQuery, signal: AbortSignal): Promise<readonly RecordedIntent[]> {
    const reply = await this.#ask({ kind: "intents", query }, signal);
    return reply.kind === "intents" ? reply.rows.map(toIntent) : wrongReply();
  }

  async leaves(
    query: LeafQuery,
    signal: AbortSignal,
  ): Promise<{ leaves: readonly RecordedLeaf[]; next: LeafCursor | undefined }> {
    const from = query.from ?? { notAfterMs: query.notBefore.getTime() - 1, intent: Number.MAX_SAFE_INTEGER };
    const rows = await this.#leafRows({ kind: "leaves", authorityKeyId: query.authorityKeyId, from }, signal);
    const last = rows.at(-1);
    return {
      leaves: rows.map(toLeaf),
      next: last && { notAfterMs: last.not_after, intent: last.id },
    };
  }

  async findLeaf(serial: string, signal: AbortSignal): Promise<RecordedLeaf | undefined> {
    const [row] = await this.#leafRows({ kind: "leaf", serial }, signal);
    return row && toLeaf(row);
  }

  async checkEntries(range: { from: number; upTo: LedgerMark }, signal: AbortSignal): Promise<EntryCheck> {
    const reply = await this.#ask({ kind: "check", ...range }, signal);
    return reply.kind === "check" ? reply.check : wrongReply();
  }

  async #leafRows(request: ReaderRequest, signal: AbortSignal): Promise<readonly LeafRow[]> {
    const reply = await this.#ask(request, signal);
    return reply.kind === "leaves" ? reply.rows : wrongReply();
  }

  async #ask(request: ReaderRequest, signal: AbortSignal): Promise<ReaderReply> {
    signal.throwIfAborted();
    const reply = await this.#calls.call(request);
    signal.throwIfAborted();
    return reply;
  }
}

function wrongReply(): never {
  throw new Fault("INTERNAL", "the ledger's reader thread answered another question");
}

const toIntent = (row: IntentRow): RecordedIntent => ({
  id: row.id,
  serial: toHex(row.serial),
  authorityKeyId: toHex(row.key_id),
  tbsSha256: toHex(row.tbs_sha256),
  at: new Date(row.at),
  outcome: row.outcome,
});

const toLeaf = (row: LeafRow): RecordedLeaf => ({
  serial: toHex(row.serial),
  authorityKeyId: toHex(row.key_id),
  spiffeId: row.spiffe_id,
  entryId: row.entry_id,
  requester: row.requester,
  issuedAt: new Date(row.at),
  notAfter: new Date(row.not_after),
});
