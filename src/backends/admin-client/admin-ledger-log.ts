import type { FoundEntry, LedgerLog, LogHead, LogSearch } from "../../control/ledger/ledger-log.ts";
import type { AdminClient } from "./admin-client.ts";

/** The ledger of a running server, over its admin API. */
export class AdminLedgerLog implements LedgerLog {
  readonly #client: AdminClient;

  constructor(client: AdminClient) {
    this.#client = client;
  }

  async head(signal: AbortSignal): Promise<LogHead> {
    const reply = await this.#client.call("GetLedgerHead", {}, signal);
    const { note, verifierKey, root } = reply;
    const size = Number(reply.size);
    return { note, verifierKey, size, root, at: new Date(Number(reply.atMs)), behind: Number(reply.behind) };
  }

  async inclusion(at: { index: number; size: number }, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    return (await this.#client.call("ProveLedgerInclusion", at, signal)).hashes;
  }

  async consistency({ old, size }: { old: number; size: number }, signal: AbortSignal) {
    const request = { oldSize: old, size };
    const { hashes, oldRoot } = await this.#client.call("ProveLedgerConsistency", request, signal);
    return { oldRoot, proof: hashes };
  }

  async entries(range: { from: number; upTo: number }, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    return (await this.#client.call("ReadLedgerEntries", range, signal)).entries;
  }

  async search(wanted: LogSearch, signal: AbortSignal) {
    const request = {
      serial: wanted.serial ?? "",
      spiffeId: wanted.spiffeId ?? "",
      entryId: wanted.entryId ?? "",
      authorityKeyId: wanted.authorityKeyId ?? "",
      kind: wanted.kind ?? "",
      sinceMs: wanted.since?.getTime() ?? 0,
      untilMs: wanted.until?.getTime() ?? 0,
      from: wanted.from,
      limit: wanted.limit,
    };
    const reply = await this.#client.call("SearchLedger", request, signal);
    const found = reply.found.map(
      ({ logIndex, kind, atMs, entry }): FoundEntry => ({
        logIndex: Number(logIndex),
        kind,
        at: new Date(Number(atMs)),
        entry,
      }),
    );
    return { found, next: reply.more ? Number(reply.next) : undefined };
  }
}
