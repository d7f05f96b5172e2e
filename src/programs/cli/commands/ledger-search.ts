import type { Command } from "commander";
import type { FoundEntry, LogSearch } from "../../../control/ledger/ledger-log.ts";
import { toHex } from "../../../domain/certificate/hex.ts";
import { readLogEntry, unpackSubject } from "../../../domain/ledger/log-entry.ts";
import { Fault } from "../../../foundation/fault.ts";
import type { CommandFrame } from "../command-frame.ts";
import { printable } from "../text-table.ts";
import { asLedgerCommand, type LedgerOptions, runOnLedger } from "./ledger-source.ts";

type SearchOptions = LedgerOptions & {
  readonly serial?: string;
  readonly spiffeId?: string;
  readonly entry?: string;
  readonly authority?: string;
  readonly kind?: string;
  readonly since?: string;
  readonly until?: string;
  readonly from: string;
  readonly limit: string;
};

/** `meshmint ledger search`: what was issued, to whom, and what was done. */
export function registerLedgerSearch(group: Command, frame: CommandFrame): void {
  asLedgerCommand(group.command("search"))
    .description("find log entries; several options must all fit")
    .option("--serial <hex>", "the certificate with this serial number")
    .option("--spiffe-id <id>")
    .option("--entry <id>", "leaves of this registration entry")
    .option("--authority <key id>", "leaves under this authority")
    .option(
      "--kind <kind>",
      "certificate, not-signed, self-check-failed, signed-not-recorded or an event's kind",
    )
    .option("--since <time>", "ISO 8601, or milliseconds since 1970")
    .option("--until <time>")
    .option("--from <log index>", "begin there", "0")
    .option("--limit <n>", "at most so many", "100")
    .action((options: SearchOptions) =>
      runOnLedger(frame, options, async (log, { signal }) => {
        const wanted = searchOf(options);
        const found: FoundEntry[] = [];
        let next: number | undefined = wanted.from;
        while (next !== undefined && found.length < wanted.limit) {
          const page = await log.search(
            { ...wanted, from: next, limit: wanted.limit - found.length },
            signal,
          );
          found.push(...page.found);
          next = page.next;
        }
        const rows = found.map(describe);
        const more = next === undefined ? [] : [`more: --from ${next}`];
        const text = [...rows.map(({ line }) => line), ...more].join("\n") || "nothing fits";
        return { text, json: { found: rows.map(({ line: _line, ...row }) => row), next: next ?? null } };
      }),
    );
}

function searchOf(options: SearchOptions): LogSearch {
  return {
    serial: options.serial?.toLowerCase().replaceAll(":", ""),
    spiffeId: options.spiffeId,
    entryId: options.entry,
    authorityKeyId: options.authority?.toLowerCase(),
    kind: options.kind,
    since: momentOf("--since", options.since),
    until: momentOf("--until", options.until),
    from: countOf("--from", options.from),
    limit: Math.min(countOf("--limit", options.limit), 1000),
  };
}

/** A count on the command line. Throws CONFIG_INVALID. */
export function countOf(option: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Fault("CONFIG_INVALID", `${option}: "${text}" is no number`);
}

function momentOf(option: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const moment = new Date(/^\d+$/.test(text) ? Number(text) : text);
  if (!Number.isNaN(moment.getTime())) return moment;
  throw new Fault("CONFIG_INVALID", `${option}: "${text}" is no time`);
}

function describe({ logIndex, kind, at, entry }: FoundEntry) {
  const moment = at.toISOString();
  const start = `${logIndex}  ${moment}  ${printable(kind)}`;
  const read = readLogEntry(entry);
  if (!read.ok) return { line: `${start}  ${read.error}`, logIndex, kind, at: moment };
  const { value } = read;
  if (value.type === "event") {
    const { actor, detail } = value;
    const line = `${start}  ${printable(actor)}  ${printable(detail)}`;
    return { line, logIndex, kind, at: moment, actor, detail: JSON.parse(detail) as unknown };
  }
  const subject = unpackSubject(value.subject);
  const authority = toHex(value.authority);
  const line = `${start}  ${printable(subject.spiffeId)}  ${printable(subject.requester)}`;
  const about = { line, logIndex, kind, at: moment, ...subject, authority };
  if (value.type === "closed") return { ...about, serial: toHex(value.serial), reason: value.reason };
  return { ...about, certificate: Buffer.from(value.certificate).toString("base64") };
}
