import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { type Ledger, openLedger } from "../../../src/backends/ledger-files/open-ledger.ts";
import { type ArchiveRun, LedgerArchiver } from "../../../src/control/ledger/ledger-archiver.ts";
import { verifyEntries } from "../../../src/control/ledger/verify-entries.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { hours } from "../../../src/foundation/duration.ts";
import { madeLeaf } from "./made-leaf.ts";
import { authorityKeyId, ledgerWorker } from "./temporary-ledger.ts";

const { signal } = new AbortController();
export type Leaf = ReturnType<typeof madeLeaf>;

/** When every leaf of `recordOld` has expired. */
export const expiry = new Date("2026-03-01T00:00:00Z");

/** Certificates that expire at `expiry`, every hundredth intent closed without one, and an event a thousand. */
export async function recordOld(ledger: Ledger, count: number): Promise<Leaf[]> {
  const leaves: Leaf[] = [];
  for (let from = 0; from < count; from += 1000) {
    const page = Array.from({ length: Math.min(1000, count - from) }, (_, at) =>
      madeLeaf(authorityKeyId, {
        spiffeId: `spiffe://mesh.example/s${at % 7}`,
        at: new Date(expiry.getTime() - 3_600_000),
        notAfter: expiry,
      }),
    );
    await ledger.writer.recordIntents(
      page.map(({ intent }) => intent),
      signal,
    );
    await ledger.writer.recordOutcomes(
      page.map(({ issued, closed }, at) => (at % 100 === 99 ? closed("not-signed") : issued)),
      signal,
    );
    const event = { kind: "test.page", actor: "a", at: expiry, detail: { from } };
    await ledger.writer.recordEvent(event, signal);
    leaves.push(...page);
  }
  return leaves;
}

/** Until the checkpoint is of all that is recorded. */
export async function settledHead(ledger: Ledger) {
  const { entries } = await ledger.reader.counts(signal);
  for (const began = Date.now(); ; ) {
    const head = await ledger.log.head(signal);
    if (head.size === entries) return head;
    assert.ok(Date.now() - began < 30_000, `no checkpoint of ${entries} entries`);
  }
}

/** One run of the archiver as if it were so many hours after the expiry; certificates are archived one hour after theirs. */
export async function archive(ledger: Ledger, hoursAfter: number): Promise<ArchiveRun> {
  const clock = { now: () => new Date(expiry.getTime() + hoursAfter * 3_600_000) };
  const opened = await ledger.openArchive();
  try {
    const deps = { archive: opened.archive, clock, after: hours(1), restFactor: 0 };
    return await new LedgerArchiver(deps).run(signal);
  } finally {
    await opened.close();
  }
}

/** SHA-256 over all entries in order, as readers get them, and how many they are. */
export async function contentOf({ reader, log }: Pick<Ledger, "reader" | "log">): Promise<string> {
  const { entries } = await reader.counts(signal);
  const hash = createHash("sha256");
  let from = 0;
  while (from < entries) {
    const page = await log.entries({ from, upTo: entries }, signal);
    for (const entry of page) hash.update(entry);
    from += page.length;
  }
  return `${from} ${hash.digest("hex")}`;
}

export const flawsOf = async (ledger: Pick<Ledger, "reader">): Promise<readonly string[]> =>
  (await verifyEntries(ledger.reader, signal)).flaws;

/** Rows that the database still has. */
export function rowsIn(file: string): { entries: number; intents: number; ends: number } {
  const database = new DatabaseSync(file, { readOnly: true });
  const count = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  const rows = { entries: count("entries"), intents: count("intents"), ends: count("ends") };
  database.close();
  return rows;
}

/** As `openLedgerAt`, but closed by whoever called. */
export const openFor = (file: string, origin?: string): Promise<Ledger> =>
  openLedger({
    file,
    ...(origin !== undefined && { origin }),
    worker: ledgerWorker,
    clock: systemClock,
    onFailure: (fault) => {
      throw fault;
    },
  });

/** Makes a ledger of intents that came to nothing long ago, which need no line in a journal. Their serials. */
export async function makeOldIntents(file: string, origin: string, count: number): Promise<string[]> {
  const ledger = await openFor(file, origin);
  const leaves = Array.from({ length: count }, () =>
    madeLeaf(authorityKeyId, { at: expiry, notAfter: expiry }),
  );
  for (let from = 0; from < count; from += 1000) {
    const page = leaves.slice(from, from + 1000);
    await ledger.writer.recordIntents(
      page.map(({ intent }) => intent),
      signal,
    );
    await ledger.writer.recordOutcomes(
      page.map(({ closed }) => closed("not-signed")),
      signal,
    );
  }
  await settledHead(ledger);
  await ledger.close();
  return leaves.map(({ intent }) => intent.serial);
}
