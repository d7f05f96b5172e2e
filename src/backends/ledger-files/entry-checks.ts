import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EntryCheck } from "../../control/ledger/ledger-reader.ts";
import { readDer } from "../../domain/certificate/der-reader.ts";
import { tag } from "../../domain/certificate/der-tag.ts";
import { sameBytes } from "../../domain/certificate/hex.ts";
import { archiveTileRows } from "../../domain/ledger/archive-tile.ts";
import { readLogEntry } from "../../domain/ledger/log-entry.ts";
import { leafHash } from "../../domain/ledger/merkle-hash.ts";
import { sha256 } from "../../foundation/digest.ts";
import { Fault } from "../../foundation/fault.ts";
import { tileFlaws } from "./archive-queries.ts";
import { ArchiveShelf, entryTileOf } from "./archive-shelf.ts";
import { type EntryRow, EntryRows } from "./entry-rows.ts";
import type { ReaderRequest } from "./ledger-messages.ts";
import { outcomeKinds } from "./ledger-tables.ts";
import { RepeatedSerials } from "./repeated-serials.ts";
import { TreeCheck } from "./tree-check.ts";

const pageRows = 2000;
const largestCertificate = 1 << 16;

type CheckRequest = Extract<ReaderRequest, { kind: "check" }>;

/** What one verification has looked at so far. It reads archive tiles from their files, whatever others have in memory. */
type Pass = {
  readonly tree: TreeCheck;
  readonly shelf: ArchiveShelf;
  readonly rows: EntryRows;
  /** Archive tiles of intents that could not be read: said once each. */
  readonly unreadable: Set<string>;
};
type Page = { next: number; certificates: number; readonly flaws: string[] };

/** Holds log entries against the intents that they end. */
export class EntryChecks {
  readonly #database: DatabaseSync;
  readonly #file: string;
  readonly #announced: StatementSync;
  readonly #serials: RepeatedSerials;
  readonly #passes = new Map<number, Pass>();

  constructor(database: DatabaseSync, file: string) {
    this.#database = database;
    this.#file = file;
    this.#announced = database.prepare("SELECT tbs_sha256 FROM intents WHERE id = ?");
    this.#serials = new RepeatedSerials(database);
  }

  /** A page of a pass, which begins at entry 0. Throws LEDGER_FAILED for one that nobody has begun. */
  page({ pass: name, from, upTo }: CheckRequest): EntryCheck {
    const pass = this.#takePass(name, from);
    const page: Page = { next: from, certificates: 0, flaws: [] };
    const archived = Math.min(pass.shelf.extent().entries, upTo.entries);
    if (from < archived) this.#checkTile(pass, page, archived);
    else this.#checkRows(pass, page, Math.min(upTo.entries, from + pageRows));
    page.flaws.push(...pass.tree.compareTiles());
    if (page.next < upTo.entries) this.#passes.set(name, pass);
    else page.flaws.push(...this.#serials.find(pass.shelf, upTo.intents));
    return page;
  }

  #checkRows(pass: Pass, page: Page, upTo: number): void {
    for (const row of pass.rows.between(page.next, upTo)) this.#checkRow(row, { pass, page });
    if (page.next === upTo) return;
    page.flaws.push(`log entries ${page.next} to ${upTo - 1} are missing`);
    page.next = upTo;
  }

  /** The rest of an archive tile. One that cannot be read is passed over: the stored hashes stand in for its entries'. */
  #checkTile(pass: Pass, page: Page, archived: number): void {
    const number = entryTileOf(page.next);
    const end = Math.min(archived, (number + 1) * archiveTileRows);
    const flaws = tileFlaws(() => pass.shelf.entries(number));
    if (flaws.length === 0) {
      for (const row of pass.rows.inTile(number, page.next, end)) this.#checkRow(row, { pass, page });
      return;
    }
    page.flaws.push(...flaws);
    page.flaws.push(...pass.tree.passOver(end));
    page.certificates += pass.shelf.certificatesIn(number);
    page.next = end;
  }

  #checkRow(row: EntryRow, { pass, page }: { pass: Pass; page: Page }): void {
    const { log_index: index } = row;
    if (index !== page.next) page.flaws.push(`log entries ${page.next} to ${index - 1} are missing`);
    page.next = index + 1;
    if (outcomeKinds[row.outcome] === "certificate") page.certificates += 1;
    const flaw = flawOf(row, (intent) => this.#tbsAnnounced(intent, { pass, page }));
    if (flaw) page.flaws.push(`log entry ${index}: ${flaw}`);
    page.flaws.push(...pass.tree.add(leafHash(row.body ?? new Uint8Array())));
  }

  /** Null where there is no such intent, undefined where nobody can say. */
  #tbsAnnounced(id: number, { pass, page }: { pass: Pass; page: Page }): Uint8Array | null | undefined {
    if (id > pass.shelf.extent().intents) {
      const found = this.#announced.get(id)?.tbs_sha256;
      return found instanceof Uint8Array ? found : null;
    }
    let tbs: Uint8Array | undefined;
    for (const flaw of tileFlaws(() => {
      tbs = pass.shelf.intent(id)?.tbsSha256;
    })) {
      if (!pass.unreadable.has(flaw)) page.flaws.push(flaw);
      pass.unreadable.add(flaw);
    }
    return tbs;
  }

  #takePass(name: number, from: number): Pass {
    if (from === 0) {
      const shelf = new ArchiveShelf(this.#database, this.#file);
      const rows = new EntryRows(this.#database, shelf);
      return { tree: new TreeCheck(this.#database), shelf, rows, unreadable: new Set() };
    }
    const pass = this.#passes.get(name);
    this.#passes.delete(name);
    if (!pass) throw new Fault("LEDGER_FAILED", "this verification is not under way: begin it again");
    return pass;
  }
}

function flawOf(
  { outcome, body, intent }: EntryRow,
  tbsAnnounced: (intent: number) => Uint8Array | null | undefined,
): string | undefined {
  if (body === null) return "its bytes are missing";
  const entry = readLogEntry(body);
  if (!entry.ok) return entry.error;
  const { value } = entry;
  const kind = value.type === "closed" ? value.as : value.type;
  if (kind !== outcomeKinds[outcome]) return `its row says ${outcomeKinds[outcome]}, but it is ${kind}`;
  if (value.type === "event") return undefined;
  const announced = intent === null ? null : tbsAnnounced(intent);
  if (announced === null) return "it ends an intent that is not there";
  const tbs = value.type === "certificate" ? tbsHash(value.certificate) : value.tbsSha256;
  if (tbs === undefined) return "it holds no certificate";
  if (announced === undefined) return undefined; // the archive tile that would say has its own flaw
  return sameBytes(tbs, announced) ? undefined : "its certificate is not the one that was announced";
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
