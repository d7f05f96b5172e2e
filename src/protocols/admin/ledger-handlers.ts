import type { LedgerLog, LogSearch } from "../../control/ledger/ledger-log.ts";
import { Fault } from "../../foundation/fault.ts";
import type { SearchLedgerRequest__Output } from "../../generated/meshmint/admin/v1/SearchLedgerRequest.ts";
import type { AdminHandlers } from "./handler.ts";
import type { AdminPorts } from "./ports.ts";

type Methods =
  | "GetLedgerHead"
  | "ReadLedgerEntries"
  | "SearchLedger"
  | "ProveLedgerInclusion"
  | "ProveLedgerConsistency";

export const ledgerHandlers = ({
  ledgerLog: log,
}: Pick<AdminPorts, "ledgerLog">): AdminHandlers<Methods> => ({
  async GetLedgerHead(_request, { signal }) {
    const { note, verifierKey, size, root, at, behind } = await log.head(signal);
    return { note, verifierKey, size, root: Buffer.from(root), atMs: at.getTime(), behind };
  },
  async ReadLedgerEntries({ from, upTo }, { signal }) {
    const entries = await log.entries({ from: count(from, "from"), upTo: count(upTo, "up_to") }, signal);
    return { entries: entries.map((entry) => Buffer.from(entry)) };
  },
  SearchLedger: async (request, { signal }) => searchPage(log, searchOf(request), signal),
  async ProveLedgerInclusion({ index, size }, { signal }) {
    const at = { index: count(index, "index"), size: count(size, "size") };
    return { hashes: (await log.inclusion(at, signal)).map((hash) => Buffer.from(hash)) };
  },
  async ProveLedgerConsistency({ oldSize, size }, { signal }) {
    const between = { old: count(oldSize, "old_size"), size: count(size, "size") };
    const { proof, oldRoot } = await log.consistency(between, signal);
    return { hashes: proof.map((hash) => Buffer.from(hash)), oldRoot: Buffer.from(oldRoot) };
  },
});

async function searchPage(log: LedgerLog, wanted: LogSearch, signal: AbortSignal) {
  const { found, next } = await log.search(wanted, signal);
  return {
    found: found.map(({ logIndex, kind, at, entry }) => {
      return { logIndex, kind, atMs: at.getTime(), entry: Buffer.from(entry) };
    }),
    next: next ?? 0,
    more: next !== undefined,
  };
}

const longestPage = 1000;
const usualPage = 100;

function searchOf(request: SearchLedgerRequest__Output): LogSearch {
  if (request.limit > longestPage) throw new Fault("INVALID_ARGUMENT", `limit: at most ${longestPage}`);
  const [since, until] = [Number(request.sinceMs), Number(request.untilMs)];
  return {
    serial: request.serial || undefined,
    spiffeId: request.spiffeId || undefined,
    entryId: request.entryId || undefined,
    authorityKeyId: request.authorityKeyId || undefined,
    kind: request.kind || undefined,
    since: since === 0 ? undefined : new Date(since),
    until: until === 0 ? undefined : new Date(until),
    from: count(request.from, "from"),
    limit: request.limit || usualPage,
  };
}

function count(text: string | number, field: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Fault("INVALID_ARGUMENT", `${field}: ${text} is no count of log entries`);
}
