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
    const { authorityKeyId } = query;
    const from = query.from ?? { intent: 0 };
    const notBefore = query.notBefore.getTime();
    const reply = await this.#ask({ kind: "leaves", authorityKeyId, notBefore, from }, signal);
    if (reply.kind !== "leaves") return wrongReply();
    return { leaves: reply.rows.map(toLeaf), next: reply.next };
  }

  async findLeaf(serial: string, signal: AbortSignal): Promise<RecordedLeaf | undefined> {
    const reply = await this.#ask({ kind: "leaf", serial }, signal);
    if (reply.kind !== "leaf") return wrongReply();
    return reply.row && toLeaf(reply.row);
  }

  async checkEntries(range: { from: number; upTo: LedgerMark }, signal: AbortSignal): Promise<EntryCheck> {
    const reply = await this.#ask({ kind: "check", ...range }, signal);
    return reply.kind === "check" ? reply.check : wrongReply();
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
