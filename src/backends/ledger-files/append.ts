import type { DatabaseSync, StatementSync } from "node:sqlite";
import { ByteReader } from "../../domain/ledger/byte-reader.ts";
import { ByteWriter } from "../../domain/ledger/byte-writer.ts";
import { type LogEntry, largestEntry, writeLogEntry } from "../../domain/ledger/log-entry.ts";
import { leafHashPrefix } from "../../domain/ledger/merkle-hash.ts";
import { Fault } from "../../foundation/fault.ts";
import { callKinds, readIntent, readOutcome } from "./call-frames.ts";
import type { LedgerState } from "./ledger-state.ts";
import { outcomeKinds } from "./ledger-tables.ts";
import { type OpenIntent, OpenIntents } from "./open-intents.ts";
import { Subjects } from "./subjects.ts";

/** Where a new entry's bytes lie, its leaf prefix included. */
type Extent = { readonly from: number; readonly to: number };

/**
 * Adds rows to the ledger inside a transaction that its caller begins and ends. What it changes in the state in memory is
 * kept beside, so that `undo` can take it back when the transaction fails.
 */
export class Appender {
  readonly #state: LedgerState;
  readonly #subjects: Subjects;
  readonly #insertIntent: StatementSync;
  readonly #insertEntry: StatementSync;
  readonly #setRecorded: StatementSync;
  /** Entries that are not hashed yet, each with its leaf prefix. */
  readonly #bytes = new ByteWriter(1 << 16);
  #extents: Extent[] = [];
  #committed = { extents: 0, bytes: 0 };
  /** Of this transaction, whether they have ended in it or not. */
  #begun = new OpenIntents();
  #ended: OpenIntent[] = [];
  #before: LedgerState["counts"];

  constructor(database: DatabaseSync, state: LedgerState) {
    this.#state = state;
    this.#subjects = new Subjects(database);
    this.#insertIntent = database.prepare("INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#insertEntry = database.prepare("INSERT INTO entries VALUES (?, ?, ?, ?)");
    this.#setRecorded = database.prepare(
      `UPDATE recorded SET intents = ?, entries = ?, certificates = ?,
        not_signed = ?, self_check_failed = ?, signed_not_recorded = ?`,
    );
    this.#before = { ...state.counts, outcomes: [...state.counts.outcomes] };
  }

  /** Records one call of a message; the reader stands at its frame and is left after it. */
  append(frames: ByteReader): void {
    const kind = frames.u8();
    const frame = new ByteReader(frames.bytes(frames.u32()));
    if (kind === callKinds.intents) this.#appendIntents(frame);
    else if (kind === callKinds.outcomes) this.#appendOutcomes(frame);
    else this.#appendEvent(frame);
  }

  /** Writes the counters; the last act of a transaction. */
  finish(): void {
    const { intents, entries, outcomes } = this.#state.counts;
    const [, certificates, notSigned, selfCheckFailed, signedNotRecorded] = outcomes;
    this.#setRecorded.run(
      intents,
      entries,
      certificates ?? 0,
      notSigned ?? 0,
      selfCheckFailed ?? 0,
      signedNotRecorded ?? 0,
    );
  }

  committed(): void {
    for (const { serial } of this.#begun.values()) {
      this.#state.serials.add(serial);
      this.#state.recent.add(serial);
    }
    this.#keep();
  }

  /** Gives the entries committed since the last call, each behind its leaf prefix, to whoever hashes them. */
  hashed(take: (prefixed: Uint8Array) => void): void {
    for (const { from, to } of this.#extents) take(this.#bytes.view(from, to));
    this.#extents = [];
    this.#bytes.reset();
    this.#keep();
  }

  /** After a rollback. */
  undo(): void {
    for (const intent of this.#ended) this.#state.open.add(intent);
    for (const intent of this.#begun.values()) this.#state.open.remove(intent);
    this.#state.counts = this.#before;
    this.#state.authorities.forget();
    this.#subjects.forget();
    this.#extents.length = this.#committed.extents;
    this.#bytes.reset(this.#committed.bytes);
    this.#keep();
  }

  /** What is there now stays. */
  #keep(): void {
    this.#begun = new OpenIntents();
    this.#ended = [];
    const { counts } = this.#state;
    this.#before = { ...counts, outcomes: [...counts.outcomes] };
    this.#committed = { extents: this.#extents.length, bytes: this.#bytes.length };
  }

  #appendIntents(frame: ByteReader): void {
    const { open, recent, counts, authorities } = this.#state;
    for (let left = frame.u32(); left > 0; left -= 1) {
      const row = readIntent(frame);
      const authority = authorities.of(row.authority);
      const { serial, tbsSha256, notAfter, at } = row;
      const isBegun = open.find(authority, serial) ?? this.#begun.find(authority, serial);
      if (isBegun || recent.has(authority, serial, counts.intents)) {
        throw new Fault("LEDGER_FAILED", `serial ${serial.toString("hex")} is taken`);
      }
      const subject = this.#subjects.of(row.subject);
      counts.intents += 1;
      this.#insertIntent.run(counts.intents, authority, serial, tbsSha256, subject.id, notAfter, at);
      const intent = { id: counts.intents, authority, serial, tbsSha256, subject: subject.packed };
      open.add(intent);
      this.#begun.add(intent);
    }
  }

  #appendOutcomes(frame: ByteReader): void {
    const { open, authorities } = this.#state;
    const at = frame.u64();
    for (let left = frame.u32(); left > 0; left -= 1) {
      const { authority, serial, as, body } = readOutcome(frame);
      const intent = open.find(authorities.of(authority), serial);
      if (!intent) {
        const which = `serial ${serial.toString("hex")}`;
        throw new Fault("LEDGER_FAILED", `${which} has no intent that is open: it has ended, or never began`);
      }
      const { id, subject, tbsSha256 } = intent;
      const about = { at, authority, subject };
      const entry: LogEntry = as
        ? { type: "closed", ...about, serial, tbsSha256, as, reason: body.toString("utf8") }
        : { type: "certificate", ...about, certificate: body };
      this.#appendEntry(entry, id);
      open.remove(intent);
      this.#ended.push(intent);
    }
  }

  #appendEvent(frame: ByteReader): void {
    const [at, kind, actor, detail] = [frame.u64(), frame.text16(), frame.text16(), frame.text16()];
    if (outcomeKinds.some((reserved) => reserved === kind)) {
      throw new Fault("LEDGER_FAILED", `"${kind}" ends an intent and is no kind of event`);
    }
    this.#appendEntry({ type: "event", at, kind, actor, detail }, null);
  }

  #appendEntry(entry: LogEntry, intent: number | null): void {
    const { counts } = this.#state;
    const from = this.#bytes.length;
    this.#bytes.bytes(leafHashPrefix);
    writeLogEntry(this.#bytes, entry);
    const to = this.#bytes.length;
    if (to - from - 1 > largestEntry) {
      throw new Fault(
        "LEDGER_FAILED",
        `an entry of ${to - from - 1} bytes: at most ${largestEntry} can be recorded`,
      );
    }
    const outcome =
      entry.type === "closed" ? outcomeKinds.indexOf(entry.as) : Number(entry.type === "certificate");
    this.#insertEntry.run(counts.entries, intent, outcome, this.#bytes.view(from + 1, to));
    this.#extents.push({ from, to });
    counts.entries += 1;
    counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1;
  }
}
