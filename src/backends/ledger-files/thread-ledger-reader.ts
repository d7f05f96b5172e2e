import type { LedgerLog, LogHead, LogSearch } from "../../control/ledger/ledger-log.ts";
import type {
  EntryCheck,
  EntryRange,
  IntentQuery,
  LeafCursor,
  LeafQuery,
  LedgerCounts,
  LedgerReader,
  RecordedIntent,
  RecordedLeaf,
} from "../../control/ledger/ledger-reader.ts";
import { toHex } from "../../domain/certificate/hex.ts";
import { Fault } from "../../foundation/fault.ts";
import type { ThreadCalls } from "../store/thread-calls.ts";
import type { IntentRow, LeafRow, ReaderReply, ReaderRequest } from "./ledger-messages.ts";
import type { LogPage } from "./log-search.ts";

export type LedgerAnswers = Pick<ThreadCalls<ReaderRequest, ReaderReply>, "call">;

/** Questions to the ledger's reader thread, or to whoever else can answer them. */
export class ThreadLedgerReader implements LedgerReader, LedgerLog {
  readonly #calls: LedgerAnswers;

  constructor(deps: { calls: LedgerAnswers }) {
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

  async checkEntries(range: EntryRange, signal: AbortSignal): Promise<EntryCheck> {
    const reply = await this.#ask({ kind: "check", ...range, pass: range.pass ?? 0 }, signal);
    return reply.kind === "check" ? reply.check : wrongReply();
  }

  async head(signal: AbortSignal): Promise<LogHead> {
    const reply = await this.#ask({ kind: "head" }, signal);
    return reply.kind === "head" ? reply.head : wrongReply();
  }

  async inclusion(at: { index: number; size: number }, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const reply = await this.#ask({ kind: "inclusion", ...at }, signal);
    return reply.kind === "proof" ? reply.proof : wrongReply();
  }

  async consistency(between: { old: number; size: number }, signal: AbortSignal) {
    const reply = await this.#ask({ kind: "consistency", ...between }, signal);
    return reply.kind === "proof" ? reply : wrongReply();
  }

  async entries(range: { from: number; upTo: number }, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const reply = await this.#ask({ kind: "entries", ...range }, signal);
    return reply.kind === "entries" ? reply.entries : wrongReply();
  }

  async search(wanted: LogSearch, signal: AbortSignal): Promise<LogPage> {
    const reply = await this.#ask({ kind: "search", wanted }, signal);
    return reply.kind === "search" ? reply.page : wrongReply();
  }

  /** A sentence for each archive tile that is missing or was changed. */
  async archiveFlaws(): Promise<readonly string[]> {
    const reply = await this.#calls.call({ kind: "archive-flaws" });
    return reply.kind === "flaws" ? reply.flaws : wrongReply();
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
